"""A client of an execution server, written from the protocol's description alone.

    client.py CONTROL DATA STEP... [name=value]...

Every step is one of the functions below; the first thing that is not as
described ends the program with what was expected and what came.
"""
import json
import pickle
import sys
import time

import zmq

PATIENCE = 60.0  # seconds, of a whole wait
ASK = 10.0       # seconds, of one question; clients in use give up after 5

PHASES = set("init compile axis_started step_started pattern_group step_completed axis_completed axis_error "
             "queued running success failed cancelled".split())
STATUSES = set("pending started running success failed cancelled error queued".split())
MANDATORY = {"type": str, "execution_id": str, "plate_id": str, "axis_id": str, "step_name": str, "phase": str,
             "status": str, "percent": (int, float), "completed": int, "total": int, "timestamp": float, "pid": int}
WORKER = {"pid", "status", "cpu_percent", "memory_mb", "create_time"}
FINAL = ("complete", "failed", "cancelled")


def check(good, what, *came):
    if not good:
        raise SystemExit("client.py: " + what + (": " + repr(came)[:2000] if came else ""))


class Client:
    def __init__(self, control, data, options):
        self.context = zmq.Context()
        self.control, self.data, self.options = control, data, options
        self.events = []

    def ask(self, **request):
        """One question over a socket of its own, as a REQ client asks."""
        socket = self.context.socket(zmq.REQ)
        socket.linger = 0
        socket.connect(self.control)
        try:
            socket.send(pickle.dumps(request, protocol=4))
            check(socket.poll(ASK * 1000), "no reply within %gs" % ASK, request)
            reply = pickle.loads(socket.recv())
            check(not socket.getsockopt(zmq.RCVMORE), "a reply has one frame", request)
        finally:
            socket.close()
        check(isinstance(reply, dict), "a reply is a dict", reply)
        if request.get("type") == "ping":
            check(reply.get("type") == "pong", "a ping's reply is a pong", reply)
        else:
            check(reply.get("status") in ("accepted", "ok", "error", "success"), "a status that clients know", reply)
        return reply

    def refused(self, text, **request):
        reply = self.ask(**request)
        check(reply.get("status") == "error" and reply.get("error") == text, "the error %r" % text, request, reply)

    def execute(self, **more):
        request = dict(type="execute", plate_id=self.options["plate"], pipeline_code=self.options["pipeline"], config_params={})
        request.update(more)
        reply = self.ask(**request)
        check(reply.get("status") == "accepted", "an accepted execution", reply)
        check(isinstance(reply["execution_id"], str) and reply["execution_id"], "an execution_id", reply)
        check(reply["message"].startswith("Execution queued (position: "), "the message", reply)
        return reply["execution_id"]

    def status(self, execution):
        reply = self.ask(type="status", execution_id=execution)
        check(reply.get("status") == "ok", "a status", reply)
        x = reply["execution"]
        for name in ("execution_id", "plate_id", "client_address", "status", "start_time", "end_time", "error", "compile_only"):
            check(name in x, "an execution has " + name, x)
        check(x["execution_id"] == execution, "the execution that was asked for", x)
        check(x["status"] in FINAL + ("queued", "running"), "a status", x)
        if x["status"] == "complete" and not x["compile_only"]:
            check(x.get("results_summary"), "never complete without results_summary", x)
            check(x["end_time"] >= x["start_time"], "an end after its start", x)
        return x

    def wait(self, execution, *wanted):
        """Asks until the execution has one of the statuses."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            x = self.status(execution)
            if x["status"] in wanted:
                return x
            check(x["status"] not in FINAL, "waited for %s" % (wanted,), x)
            self.hear(0.05)
        check(False, "waited %gs for %s" % (PATIENCE, wanted), x)

    def subscribe(self):
        """Follows the data channel from the moment this returns: a late subscriber gets what it missed."""
        socket = self.context.socket(zmq.SUB)
        socket.linger = 0
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(self.data)
        return socket

    def hear(self, seconds, socket=None, events=None):
        """Takes what comes on the data channel for a while."""
        socket, events = socket or self.sub, self.events if events is None else events
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left <= 0 or not socket.poll(left * 1000):
                return events
            frames = socket.recv_multipart()
            check(len(frames) == 1, "one frame per message", frames)
            event = json.loads(frames[0])
            well_formed(event)
            events.append(event)

    def hear_until(self, what, condition, socket=None, events=None):
        end = time.monotonic() + PATIENCE
        events = self.events if events is None else events
        while not condition(events):
            check(time.monotonic() < end, "waited %gs to hear %s" % (PATIENCE, what), events[-3:])
            self.hear(0.05, socket, events)
        return events


def well_formed(event):
    for name, kind in MANDATORY.items():
        check(name in event, "an event has " + name, event)
        check(isinstance(event[name], kind) and not isinstance(event[name], bool), "the type of " + name, event)
    check(event["type"] == "progress", "the type of an event", event)
    check(event["phase"] in PHASES, "a phase", event)
    check(event["status"] in STATUSES, "a status of progress", event)
    check(0 <= event["percent"] <= 100, "percent in [0, 100]", event)
    check(0 <= event["completed"] <= event["total"], "completed <= total", event)
    check(abs(event["timestamp"] - time.time()) < 3600, "a timestamp in seconds", event)


# Steps.


def ping(c):
    pong = c.ask(type="ping")
    for name, kind in dict(type=str, port=int, control_port=int, ready=bool, server=str, server_role=str).items():
        check(isinstance(pong.get(name), kind), "a pong has " + name, pong)
    check(pong["server_role"] == "execution", "the role", pong)
    check(pong["control_port"] == pong["port"] + 1000, "the control port", pong)
    check(pong["ready"] is True, "a server that is ready", pong)
    for name in ("active_executions", "progress_subscribers"):
        check(isinstance(pong[name], int), name, pong)
    check(pong["uptime"] >= 0, "uptime", pong)
    check(pong["log_file_path"].startswith("/"), "the log's path", pong)
    for name in ("running_executions", "queued_executions", "workers"):
        check(isinstance(pong[name], list), name + " is a list", pong)
    identity = pong["process_identity"]
    check(identity["pid"] > 0 and 0 < identity["create_time"] < time.time(), "process_identity", identity)
    check(("memory_mb" in pong) == ("cpu_percent" in pong), "memory_mb and cpu_percent together", pong)
    for x in pong["running_executions"]:
        check({"execution_id", "plate_id", "start_time", "elapsed", "compile_only"} <= set(x), "a running execution", x)
    for x in pong["queued_executions"]:
        check({"execution_id", "plate_id", "queue_position"} <= set(x), "a queued execution", x)
    for w in pong["workers"]:
        check(set(w) == WORKER, "a worker has exactly its keys", w)
    return pong


def validation(c):
    good = dict(type="execute", plate_id="/nowhere", pipeline_code="name: x", config_params={})

    def without(*names, **more):
        request = {k: v for k, v in good.items() if k not in names}
        request.update(more)
        return request

    c.refused("Unknown message type: bogus", type="bogus")
    c.refused("Missing field: 'plate_id'", **without("plate_id"))
    c.refused("Missing required field: plate_id", **without(plate_id=""))
    c.refused("Missing field: 'pipeline_code'", **without("pipeline_code"))
    c.refused("Missing required field: pipeline_code", **without(pipeline_code=""))
    c.refused("Missing config: provide either config_params or config_code", **without("config_params"))
    c.refused("compile_only and compile_artifact_id cannot both be set", **without(compile_only=True, compile_artifact_id="x"))
    c.refused("Execution nobody not found", type="status", execution_id="nobody")
    c.refused("Execution nobody not found", type="cancel", execution_id="nobody")
    c.refused("Missing field: 'execution_id'", type="cancel")
    c.refused("Missing required field: execution_id", type="cancel", execution_id="")
    c.refused("Missing field: 'client_id'", type="register_progress")
    c.refused("Missing required field: client_id", type="unregister_progress", client_id="")
    all_of_them = c.ask(type="status")
    for name in ("active_executions", "uptime", "executions", "running_executions", "queued_executions"):
        check(name in all_of_them, "the status of all has " + name, all_of_them)


def registration(c):
    before = c.ask(type="ping")["progress_subscribers"]
    for _ in range(2):  # idempotent
        reply = c.ask(type="register_progress", client_id="python")
        check(reply["status"] == "ok" and reply["client_id"] == "python" and reply["message"], "a registration", reply)
        check(reply["progress_subscribers"] == before + 1, "one subscriber more", reply)
    for _ in range(2):
        reply = c.ask(type="unregister_progress", client_id="python")
        check(reply["status"] == "ok" and reply["progress_subscribers"] == before, "one subscriber less", reply)


def run(c):
    """A plate from submission to its end, heard on the data channel in order."""
    c.ask(type="register_progress", client_id="runner")
    c.sub, c.events = c.subscribe(), []
    c.execution = x = c.execute(output_path=c.options["out"], client_address="here")
    done = c.wait(x, "complete")
    check(done["client_address"] == "here" and done["error"] is None and done["compile_only"] is False, "what was submitted", done)
    wells = done["results_summary"]["wells"]
    check(done["results_summary"]["complete"] == len(wells) > 0, "a summary", done)
    c.hear_until("the plate's end", lambda events: any(e["execution_id"] == x and e["axis_id"] == "" and e["phase"] in ("success", "failed", "cancelled") for e in events))
    ordered(x, c.events, wells)
    check(x in c.ask(type="status")["executions"], "it is among all executions")
    reply = c.ask(type="cancel", execution_id=x)
    check(reply["status"] == "ok" and reply["workers_killed"] == 0 and reply["message"], "cancelling what has ended", reply)
    check(c.status(x)["status"] == "complete", "a final state never changes")
    c.ask(type="unregister_progress", client_id="runner")


def ordered(execution, events, wells):
    mine, seen = [], set()
    for e in events:
        if e["execution_id"] == execution and e["progress_sequence"] not in seen:  # replays repeat
            seen.add(e["progress_sequence"])
            mine.append(e)
    check([e["progress_sequence"] for e in mine] == sorted(seen), "numbers that rise", [e["progress_sequence"] for e in mine])
    plate = [(e["phase"], e["status"]) for e in mine if e["axis_id"] == ""]
    want = [("compile", "started"), ("init", "started"), ("compile", "success")]
    check(plate[:3] == want, "a plate begins with compile, init, compile", plate)
    check(plate[-1] == ("success", "success") and mine[-1]["axis_id"] == "", "the plate's end comes last", plate, mine[-1])
    check(mine[-1]["percent"] == 100, "a plate ends at 100 %", mine[-1])
    init = [e for e in mine if e["phase"] == "init"][0]
    check(init["total_wells"] == wells, "init tells the wells", init)
    steps = init["step_names"]
    check(len(steps) > 0, "init tells the steps", init)
    begun = [e["progress_sequence"] for e in mine if (e["axis_id"], e["phase"], e["status"]) == ("", "compile", "success")][0]
    for well in wells:
        w = [e for e in mine if e["axis_id"] == well]
        check(w and w[0]["phase"] == "axis_started" and w[0]["progress_sequence"] > begun, "a well begins with axis_started, after compiling", w[:1])
        check(w[-1]["phase"] == "axis_completed" and w[-1]["percent"] == 100, "a well ends at 100 %", w[-1])
        check([e["percent"] for e in w] == sorted(e["percent"] for e in w), "a well's percent rises", w)
        told = [e for e in w if e["phase"] in ("step_started", "pattern_group", "step_completed")]
        order = {"step_started": 0, "pattern_group": 1, "step_completed": 2}
        places = [(steps.index(e["step_name"]), order[e["phase"]]) for e in told]
        check(places == sorted(places), "steps in order, each started, worked on, completed", places)


def late(c):
    """Whoever registers or subscribes late gets the latest event of every well, numbered as it was."""
    latest = {}
    for e in c.events:
        if e["execution_id"] == c.execution:
            latest[e["axis_id"]] = e
    reply = c.ask(type="register_progress", client_id="late")
    told = {e["axis_id"]: e for e in reply["events"] if e["execution_id"] == c.execution}
    check(told == latest, "the registration tells the latest events", told, latest)
    socket, events = c.subscribe(), []
    c.hear_until("the latest event of every well", lambda events: len({e["axis_id"] for e in events if e["execution_id"] == c.execution}) >= len(latest), socket, events)
    heard = {e["axis_id"]: e for e in events if e["execution_id"] == c.execution}
    check(heard == latest, "a late subscriber hears the latest events", heard, latest)
    c.ask(type="unregister_progress", client_id="late")
    socket.close()


def compiling(c):
    x = c.execute(compile_only=True, output_path=c.options["out2"])
    done = c.wait(x, "complete")
    check(done["compile_only"] is True, "compile_only", done)
    again = c.execute(compile_artifact_id=x, output_path=c.options["out2"])
    check(c.wait(again, "complete")["results_summary"], "a compiled plan runs")
    other = c.execute(compile_artifact_id=x, output_path=c.options["out2"], pipeline_code=c.options["pipeline"].replace("segment_nuclei", "segment_nuclei\n    with: {min_area: 7}", 1))
    failed = c.wait(other, "failed")
    check("artifact" in failed["error"] and x in failed["error"], "a plan that differs is refused", failed)
    unknown = c.execute(compile_artifact_id="nothing", output_path=c.options["out2"])
    check("nothing" in c.wait(unknown, "failed")["error"], "an unknown artifact is refused")
    python = c.execute(pipeline_code="from openhcs.core.steps import FunctionStep\npipeline_steps = []\n")
    check("Python" in c.wait(python, "failed")["error"], "Python source is refused with an explanation")


def cancelling(c):
    """Cancel is for one id; shutdown is for all, and the server stays."""
    slow = dict(pipeline_code=c.options["slow"])
    first = c.execute(output_path=c.options["out3"], workers=1, **slow)
    second = c.execute(output_path=c.options["out4"], workers=1, **slow)
    third = c.execute(output_path=c.options["out5"], workers=1, **slow)
    c.wait(first, "running")
    c.wait(second, "running")  # fills the slot that the first one may not use
    pong = c.ask(type="ping")
    check(pong["active_executions"] == 2 and {x["execution_id"] for x in pong["running_executions"]} == {first, second}, "two run", pong)
    check([(x["execution_id"], x["queue_position"]) for x in pong["queued_executions"]] == [(third, 1)], "one waits", pong)
    reply = c.ask(type="cancel", execution_id=first)
    check(reply["status"] == "ok" and reply["workers_killed"] == 1 and reply["message"], "a cancellation", reply)
    c.wait(first, "cancelled")
    check(c.status(second)["status"] == "running", "the other one goes on")
    c.wait(third, "running")
    c.hear_until("the end of what was cancelled", lambda events: any(e["execution_id"] == first and e["axis_id"] == "" and e["phase"] == "cancelled" for e in events))
    reply = c.ask(type="shutdown")
    check(reply.get("type") == "shutdown_ack" and reply["status"] == "success" and reply["message"], "a shutdown's acknowledgement", reply)
    c.wait(second, "cancelled")
    c.wait(third, "cancelled")
    pong = ping(c)
    check(pong["active_executions"] == 0 and pong["running_executions"] == pong["queued_executions"] == [], "nothing runs any more", pong)
    for x in (first, second, third):
        c.ask(type="cancel", execution_id=x)
        check(c.status(x)["status"] == "cancelled", "a final state never changes")


def ending(c):
    reply = c.ask(type="force_shutdown")
    check(reply.get("type") == "shutdown_ack" and reply["status"] == "success", "a shutdown's acknowledgement", reply)


def main():
    control, data, *rest = sys.argv[1:]
    options = dict(a.split("=", 1) for a in rest if "=" in a)
    c = Client(control, data, options)
    for name in (a for a in rest if "=" not in a):
        globals()[name](c)
        print(name, "is as described", flush=True)


main()
