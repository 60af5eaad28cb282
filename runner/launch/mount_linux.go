package launch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mountAll makes the mounts in order. All targets and sources are opened before the first mount, because a mount hides
// what lies below it: a directory below an earlier target is still reached through its descriptor.
func mountAll(mounts []Mount) error {
	type opened struct{ lower, source int }
	files := make([]opened, len(mounts))
	for i, m := range mounts {
		var err error
		if files[i].lower, err = openPath(m.Target); err != nil {
			return err
		}
		defer unix.Close(files[i].lower)
		if m.Source == "" {
			continue
		}
		if files[i].source, err = openPath(m.Source); err != nil {
			return err
		}
		defer unix.Close(files[i].source)
	}
	for i, m := range mounts {
		if m.Source != "" {
			if err := unix.Mount(descriptorPath(files[i].source), m.Target, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("binding %s over %s: %w", m.Source, m.Target, err)
			}
			continue
		}
		if err := mountOverlay(descriptorPath(files[i].lower), m); err != nil {
			return fmt.Errorf("mounting an overlay on %s: %w", m.Target, err)
		}
	}
	return nil
}

func mountOverlay(lower string, m Mount) error {
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, escapeOption(m.Upper), escapeOption(m.Work))
	// userxattr (Linux 5.11) is what a user namespace may use; without it the kernel keeps its marks in trusted.*, which only
	// the machine's root may. Trying both needs no knowledge of which of the two this is.
	err := unix.Mount("overlay", m.Target, "overlay", 0, options+",userxattr")
	if err == unix.EINVAL {
		err = unix.Mount("overlay", m.Target, "overlay", 0, options)
	}
	return err
}

// escapeOption protects the characters that separate mount options and lower layers.
func escapeOption(path string) string {
	var out []byte
	for i := range len(path) {
		switch path[i] {
		case ',', ':', '\\':
			out = append(out, '\\')
		}
		out = append(out, path[i])
	}
	return string(out)
}

func openPath(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("opening %s: %w", path, err)
	}
	return fd, nil
}

func descriptorPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }
