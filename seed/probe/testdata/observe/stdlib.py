# Each line marked with "#!" is to be seen as the mark says; no other line is to be seen at all.
import glob, logging, multiprocessing.sharedctypes, os, pathlib, random, secrets, shutil, socket, sqlite3, tempfile, threading, time, uuid
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from random import shuffle

random.getstate()
random.Random(1).random()  #! new python-random v=seeded:1
shuffle([])
tempfile.mktemp()  #! name - api=tempfile.mktemp
x = random.random()  #! draw python-random api=random
shuffle([1, 2, 3])  #! draw python-random api=shuffle
random.seed(5)  #! seed python-random v=5 api=random.seed draws=2
random.seed()  #! seed python-random v=None
random.Random().random()  #! new python-random v=unseeded api=random.Random
random.Random(time.time_ns())  #! clock wall-clock api=time.time_ns; new python-random origin=clock
random.seed(int(time.time() * 1000) % 2**32)  #! clock wall-clock; seed python-random origin=clock
now = datetime.now().timestamp()  #! clock wall-clock api=datetime.now
random.seed(now)  #! seed python-random origin=clock origin_file=run.py origin_line=18
random.seed(int.from_bytes(os.urandom(4), "little"))  #! entropy os-entropy api=os.urandom; seed python-random origin=entropy
random.seed(uuid.uuid4().int % 2**32)  #! entropy os-entropy api=uuid.uuid4; seed python-random origin=uuid
random.seed(os.getpid() * 10007)  #! host host api=os.getpid; seed python-random origin=pid

tempfile.TemporaryFile().close()
multiprocessing.RawArray("d", 4)
uuid.uuid5(uuid.NAMESPACE_DNS, "x")
secrets.token_bytes(8)  #! entropy os-entropy
random.SystemRandom().random()  #! entropy os-entropy api=random.SystemRandom

logging.getLogger().error("x")
time.strftime("%H", time.gmtime(0))
time.strftime("%H")  #! clock wall-clock api=time.strftime
time.perf_counter()  #! clock wall-clock api=time.perf_counter
socket.gethostname()  #! host host api=socket.gethostname

os.mkdir("d")
shutil.rmtree("d")
glob.glob("run.py")
pathlib.Path(".").exists()
os.listdir(".")  #! list file-order api=os.listdir path=. n=1 in_order=true
glob.glob("*.py")  #! list file-order api=glob.glob
list(pathlib.Path(".").iterdir())  #! list file-order api=pathlib.iterdir
list(os.walk("."))  #! list file-order api=os.walk

open("run.py").close()
open("/dev/null").close()
open("/dev/urandom", "rb").close()  #! open external-state v=r path=/dev/urandom
os.environ["REPROCHECK_TEST"] = "0"
os.environ["PYTHONHASHSEED"] = "0"  #! seed python-hash v=0 api=os.environ
os.path.exists("/var")
try:
    open("/var/reprocheck-absent")  #! open external-state v=r path=/var/reprocheck-absent
except OSError:
    pass
try:
    sqlite3.connect("/var/reprocheck-absent/runs.db")  #! open external-state v=r+ path=/var/reprocheck-absent/runs.db
except sqlite3.OperationalError:
    pass

threading.Lock()
thread = threading.Thread(target=int)
thread.start()  #! task concurrency api=threading.Thread.start
timer = threading.Timer(60, print)
timer.start()  #! task concurrency api=threading.Thread.start timer=true
timer.cancel()
thread.join()
pool = ThreadPoolExecutor(2)  #! task concurrency api=concurrent.futures.ThreadPoolExecutor
futures = [pool.submit(pow, 2, 3)]
list(as_completed(futures))  #! task concurrency api=concurrent.futures.as_completed unordered=true

import asyncio
async def actors():
    one = asyncio.create_task(asyncio.sleep(0))  #! task concurrency api=asyncio.create_task
    two = asyncio.ensure_future(asyncio.sleep(0))  #! task concurrency api=asyncio.ensure_future
    three = asyncio.get_running_loop().create_task(asyncio.sleep(0))  #! task concurrency api=asyncio.create_task
    await asyncio.gather(one, two, three, asyncio.sleep(0))  #! task concurrency api=asyncio.gather
    await asyncio.wait_for(asyncio.sleep(0), 5)
asyncio.run(actors())

import subprocess, sys
subprocess.run([sys.executable, "-c", "pass"], check=True)
subprocess.Popen([sys.executable, "-c", "pass"]).wait()  #! task concurrency api=subprocess.Popen
open("written", "w").close()
os.path.getmtime("written")  #! clock wall-clock api=os.path.getmtime
os.stat("written").st_mtime  #! clock wall-clock api=os.stat
(lambda: os.stat("written").st_size)()
