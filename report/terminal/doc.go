// Package terminal knows what can be shown on a terminal, and how: which characters are safe to print, how many cells
// they take, where lines break, and what the terminal at hand can do.
package terminal
