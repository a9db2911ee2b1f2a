import os
import subprocess
import sys
import time

import psutil

from orchestration.liveness import is_alive


def test_a_process_that_reported_after_it_began_is_alive():
    assert is_alive(os.getpid(), time.time())


def test_a_process_that_ended_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not is_alive(child.pid, time.time())


def test_a_zombie_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not is_alive(child.pid, time.time())
    child.wait()


def test_a_pid_that_another_process_got_later_is_not_the_run():
    began = psutil.Process(os.getpid()).create_time()
    assert not is_alive(os.getpid(), began - 60)
