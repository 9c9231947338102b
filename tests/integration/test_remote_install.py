"""lib/python and lib/node, installed as users would, into directories of their own."""
import os
import shutil
import subprocess

import pytest

import npm
from stack import ROOT

PYTHON = "/usr/bin/python3"
TYPES = """import { Worker, TaskError, type Task } from 'troupe';
const worker = new Worker('redis://x', { concurrency: 3, lease: 5, log: console, redis: { db: 1 } });
worker.function('a', async (input: { n: number }, task) => {
  task.usage({ tokens: 1 });
  task.signal.throwIfAborted();
  return input.n;
}).agent<{ t: string }>('b', (input, task: Task<{ t: string }>) => {
  throw new TaskError('c', input.t, { retry: task.attempt < 3 });
}).tool('c', () => null, { queue: 'gpu' });
await worker.run({ signals: false });
// @ts-expect-error
worker.function('d', 5);
// @ts-expect-error
new Worker('x', { concurency: 3 });
"""


def said(command, cwd, **env):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=90, env={**os.environ, **env})
    return done.returncode, done.stdout.decode(errors="replace")


def test_pip_installs_the_python_library(tmp_path):
    """Without the network: setuptools and redis are those of the system. A copy, since building leaves files
    in the folder."""
    for module in ("pip", "setuptools", "wheel"):
        if said([PYTHON, "-c", "import " + module], tmp_path)[0] != 0:
            pytest.skip("left out: it needs %s for %s, which is not here" % (module, PYTHON))
    source, target = str(tmp_path / "python"), str(tmp_path / "site")
    shutil.copytree(os.path.join(ROOT, "lib", "python"), source)
    status, text = said([PYTHON, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index",
                         "--target", target, source], tmp_path)
    assert status == 0, text
    there = sorted(os.listdir(os.path.join(ROOT, "lib", "python", "troupe")))
    installed = sorted(os.listdir(os.path.join(target, "troupe")))
    assert [f for f in installed if f != "__pycache__"] == [f for f in there if f != "__pycache__"]
    assert "py.typed" in installed
    status, text = said([PYTHON, "-c", "import troupe; print(troupe.__file__, troupe.Worker, troupe.TaskError)"],
                        tmp_path, PYTHONPATH=target)
    assert status == 0 and text.startswith(target), text


def test_npm_installs_the_node_library_with_its_types(tmp_path):
    """The library itself comes from the folder; the rest was fetched before."""
    there = npm.packages("ioredis@5.4.1", "typescript@5.6.3", "@types/node@20.17.6")
    status, text = said(["npm", "pack", "--pack-destination", str(tmp_path), os.path.join(ROOT, "lib", "node")],
                        tmp_path)
    assert status == 0, text
    modules = tmp_path / "node_modules"
    shutil.copytree(os.path.join(there, "node_modules"), modules, symlinks=True)
    packed = [f for f in os.listdir(tmp_path) if f.endswith(".tgz")]
    assert packed == ["troupe-0.1.0.tgz"], text
    (modules / "troupe").mkdir()
    status, text = said(["tar", "xf", packed[0], "-C", str(modules / "troupe"), "--strip-components=1"], tmp_path)
    assert status == 0, text
    (tmp_path / "user.mts").write_text(TYPES)
    status, text = said(["node", "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck",
                         "--target", "es2022", "--module", "nodenext", "user.mts"], tmp_path)
    assert status == 0, text
    status, text = said(["node", "--input-type=module", "-e",
                         "import { Worker, TaskError } from 'troupe'; console.log(new Worker().name, new TaskError('c').code)"],
                        tmp_path)
    assert status == 0 and text.strip().endswith(" c"), text
    for wrong in ("{ concurrency: 0 }", "{ lease: 0.5 }", "{ name: 'a|b' }", "{ name: 'a b' }", "{ drainTimeout: -1 }"):
        status, text = said(["node", "--input-type=module", "-e",
                             "import { Worker } from 'troupe'; new Worker('x', %s)" % wrong], tmp_path)
        assert status != 0 and "RangeError" in text, (wrong, text)
