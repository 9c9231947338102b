"""The process of a worker: draining, signals, probes, settings."""
import signal
import urllib.error
import urllib.request

from processes import free_port, wait_until
from worker_fleet import SLOW, SLOW_INPUT, chain, metric


def http_status(port, path):
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path)) as reply:
            return reply.status
    except urllib.error.HTTPError as e:
        return e.code


def test_draining_finishes_what_is_held_and_leaves(fleet):
    fleet.open().publish(SLOW)
    worker = fleet.worker()
    runs = [fleet.request("slow", SLOW_INPUT) for _ in range(30)]
    wait_until(lambda: any(fleet.executions(run) for run in runs))
    assert worker.terminate() == 0
    for part in fleet.parts:
        pending, workers = part.pending("default"), part.client.hgetall(part.key("workers"))
        if pending:  # the bell's read got it at the last moment: handed over, its lease is no more
            assert "left tokens to the others" in worker.output()
            assert len(pending) == 1 and [v.split("|")[1] for v in workers.values()] == ["0"]
        else:
            assert workers == {}
    fleet.worker()
    for run in runs:
        fleet.wait_for(run, timeout_s=60)
    fleet.check(runs)


def test_a_second_signal_forces(fleet):
    fleet.open().publish(SLOW)
    worker = fleet.worker()
    wait_until(lambda: fleet.client.hlen("troupe:{0}:workers"))
    fleet.redis.process.pause()
    try:
        worker.send(signal.SIGTERM)
        worker.wait_for_log("draining")
        worker.send(signal.SIGTERM)
        assert worker.wait() == 1
    finally:
        fleet.redis.process.unpause()
    fleet.workers.remove(worker)


def test_health_and_metrics(fleet):
    port = free_port()
    fleet.open().publish(chain("chain", 4))
    worker = fleet.worker("--http-port", str(port))
    worker.wait_for_log("partition open")
    assert http_status(port, "/healthz") == 200
    assert http_status(port, "/readyz") == 200
    assert http_status(port, "/other") == 404
    fleet.wait_for(fleet.request("chain", {"v": 1}))
    wait_until(lambda: metric(port, "settled_total") == 4)
    assert metric(port, "started_total") == 1
    fleet.redis.stop()
    wait_until(lambda: http_status(port, "/readyz") == 503)
    assert http_status(port, "/healthz") == 200
    fleet.redis.start()
    wait_until(lambda: http_status(port, "/readyz") == 200)


def test_waits_for_a_redis_and_a_supervisor_that_come_later(fleet):
    fleet.redis.stop()
    worker = fleet.worker()
    worker.wait_for_log("cannot reach Redis|waiting for Redis")
    fleet.redis.start()
    fleet.client = fleet.redis.client()
    worker.wait_for_log("waiting for a supervisor")
    for part in fleet.parts:
        part.client = fleet.client
    fleet.open().publish(chain("chain", 2))
    fleet.wait_for(fleet.request("chain", {"v": 1}))


def test_wrong_settings_end_with_a_reason(fleet):
    url = fleet.redis.url
    fleet.client.config_set("requirepass", "right")
    fleet.client = fleet.redis.client(password="right")
    try:
        wrong_settings(fleet, url)
    finally:
        fleet.client.config_set("requirepass", "")


def wrong_settings(fleet, url):
    for args, env, status, message in [
        ([], {"TROUPE_REDIS_URL": "http://x"}, 2, "redis"),
        (["--conccurrency", "3"], {}, 2, "concurrency"),
        (["--queues", "other"], {}, 2, "'default' must be among them"),
        (["--log-level", "loud"], {}, 2, "log-level"),
        (["--name", "a|b"], {}, 2, "name"),
        (["extra"], {}, 2, "extra"),
        ([], {"TROUPE_REDIS_URL": url.replace("//", "//:wrong@")}, 5, "WRONGPASS"),
        ([], {"TROUPE_REDIS_URL": url}, 5, "NOAUTH"),
    ]:
        worker = fleet.worker(*args, **env)
        assert worker.wait() == status, worker.output()
        worker.wait_for_log(message, timeout_s=0)
        fleet.workers.remove(worker)


def test_hangup_reads_the_log_level_again(fleet):
    config = fleet.dir / "worker.yaml"
    config.write_text("drain-timeout: 10s\n")
    fleet.open()
    worker = fleet.worker("--config", str(config))
    worker.wait_for_log("partition open")
    worker.send(signal.SIGHUP)
    worker.wait_for_log("settings read again")
