"""Notices through a real mail server, aiosmtpd, that goes away and comes back.

The binary in ACCOUNTS_BINARY serves an empty database. While the server is away, for MAIL_OUTAGE seconds or 600, an
integration goes on sending five notices a second: each of them has to arrive once, and the API has to be about as quick
as before. Then the service is killed at the moment at which the server accepts a mail: that one may come twice, with
the same Message-ID, and no other. The waits between tries make it last half an hour, twelve minutes with an outage of
60 seconds, and six with one of 40.
"""

import asyncio
import collections
import email
import email.policy
import os
import re
import signal
import statistics
import sys
import tempfile
import threading
import time

from aiosmtpd.controller import Controller
from service import Service, free_port

OUTAGE = int(os.environ.get("MAIL_OUTAGE") or 600)
# Before the outage it is measured for so many seconds.
BEFORE = 30
# Notices in a second.
RATE = 5
ACCOUNTS = 5
PASSWORD = "three gulls on the pier"
# The waits between tries in seconds, each up to a fifth shorter or longer.
PAUSES = [60, 300, 900, 3600, 14400]
# A mail belongs to a process that died for so many seconds after it was claimed.
CLAIM = 120
# How much slower the median may be during the outage.
RATIO = 3


class Trap:
    """Kills the service when one mail is accepted, before or after the service is told so."""

    def __init__(self, subject, told, kill):
        self.subject, self.told, self.kill = subject, told, kill
        self.comes = threading.Event()
        self.may_snap = threading.Event()


class PostOffice:
    """An SMTP server that can be away, and what it has taken: subject and Message-ID of each mail."""

    def __init__(self):
        self.port = free_port()
        self.lock = threading.Lock()
        self.taken = []
        self.last_at = None
        self.tokens = {}
        self.trap = None
        self.opens()

    def opens(self):
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def closes(self):
        self.controller.stop()

    async def handle_DATA(self, _server, _session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        trap = self.trap
        if trap and trap.comes.is_set():
            return "451 Come back later"
        if trap and mail["Subject"] == trap.subject:
            trap.comes.set()
            # What was accepted before is recorded meanwhile, so that this mail alone is between its two ends.
            await asyncio.sleep(2)
            while not trap.may_snap.is_set():
                await asyncio.sleep(0.05)
            if trap.told:
                # The reply is written in this turn of the loop.
                asyncio.get_running_loop().call_soon(trap.kill)
            else:
                trap.kill()
        self.takes(envelope, mail)
        return "250 Accepted"

    def takes(self, envelope, mail):
        token = re.search(r"#token=([0-9A-Za-z_.-]+)", mail.get_body(("plain",)).get_content())
        with self.lock:
            self.taken.append((mail["Subject"], mail["Message-ID"]))
            self.last_at = time.monotonic()
            if token:
                self.tokens[envelope.rcpt_tos[0]] = token[1]

    def arrived(self):
        """How often each notice arrived, and under which Message-IDs."""
        found = collections.defaultdict(list)
        with self.lock:
            for subject, message_id in self.taken:
                if subject.startswith("Notice "):
                    found[subject].append(message_id)
        return found


class Desk:
    """Whoever sends notices to a handful of accounts, and reads them again."""

    def __init__(self, service, office):
        self.service, self.office = service, office
        self.accounts = []
        self.sent = {}
        # Those at which the service is killed.
        self.chosen = set()
        for number in range(1, ACCOUNTS + 1):
            self.opens_account(number)
        self.logs_in()

    def opens_account(self, number):
        address = f"owner{number}@customer.example"
        body = {"address": address, "display_name": f"Owner {number}", "account_name": f"Customer {number}"}
        account = self.service.call("PUT", f"/v1/accounts/by-external-id/{number}", body)
        until(lambda: "the mail of a new account", lambda: address in self.office.tokens, 30)
        confirm = {"token": self.office.tokens[address], "password": PASSWORD}
        self.service.call("POST", "/v1/contact-verifications/confirm", confirm)
        self.accounts.append(account["id"])

    def logs_in(self):
        body = {"address": "owner1@customer.example", "password": PASSWORD}
        self.owner = self.service.call("POST", "/v1/sessions", body)["access_token"]
        self.logged_in_at = time.monotonic()

    def sends(self):
        """Sends the next notice, and answers its subject and how long that took."""
        subject = f"Notice {len(self.sent) + 1}"
        account = self.accounts[len(self.sent) % len(self.accounts)]
        body = {"category": "invoice", "content": {"en": {"subject": subject, "text": "It is in your client area."}}}
        path = f"/v1/accounts/{account}/notifications"
        took, notice = timed(lambda: self.service.call("POST", path, body))
        check(len(notice["recipients"]) == 1, f"{subject} goes to {notice['recipients']}, and not to the owner alone")
        self.sent[subject] = notice["id"]
        return subject, took

    def reads(self, subject):
        return self.service.call("GET", f"/v1/notifications/{self.sent[subject]}")

    def sends_for(self, seconds):
        """Sends at the rate, and answers how long each kind of request took."""
        took = {"send a notice": [], "read a notice": [], "list contacts": []}
        begun = time.monotonic()
        for number in range(seconds * RATE):
            time.sleep(max(0, begun + number / RATE - time.monotonic()))
            # An access token ends after ten minutes.
            if time.monotonic() - self.logged_in_at > 300:
                self.logs_in()
            subject, sending = self.sends()
            took["send a notice"].append(sending)
            took["read a notice"].append(timed(lambda: self.reads(subject))[0])
            contacts = f"/v1/accounts/{self.accounts[0]}/contacts"
            took["list contacts"].append(timed(lambda: self.service.call("GET", contacts, key=self.owner))[0])
        rate = seconds * RATE / (time.monotonic() - begun)
        print(f"  {seconds * RATE} notices, {rate:.1f} a second", flush=True)
        return took

    def waiting(self):
        """The states of the notices that are not sent."""
        found, cursor = {}, ""
        while cursor is not None:
            page = self.service.call("GET", f"/v1/notifications?limit=100{cursor}")
            for notice in page["data"]:
                states = [recipient["state"] for recipient in notice["recipients"]]
                if states != ["sent"]:
                    found[notice["subjects"]["en"]] = states
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        return found

    def all_arrive(self, seconds):
        until(lambda: f"they arrive, {shown(self.missing())}", lambda: not self.missing(), seconds)
        seconds = CLAIM + 60
        until(lambda: f"they are marked as sent, {shown(self.waiting().items())}", lambda: not self.waiting(), seconds)

    def missing(self):
        return sorted(set(self.sent) - set(self.office.arrived()))


def main():
    office = PostOffice()
    with tempfile.TemporaryDirectory() as data:
        settings = {
            "ACCOUNTS_SMTP_URL": f"smtp://127.0.0.1:{office.port}",
            "ACCOUNTS_MAIL_FROM": "Accounts <accounts@provider.example>",
            # Each failed try is a warning.
            "ACCOUNTS_LOG": "error",
        }
        with Service(data, ["accounts:open", "notifications:send"], **settings) as service:
            desk = Desk(service, office)
            outage(desk, office)
            for told in [False, True]:
                crash(desk, office, service, told)
    office.closes()


def outage(desk, office):
    print(f"with the mail server, {BEFORE} s", flush=True)
    before = desk.sends_for(BEFORE)
    desk.all_arrive(60)
    print(f"without it, {OUTAGE} s", flush=True)
    office.closes()
    desk.logs_in()
    first, here = f"Notice {len(desk.sent) + 1}", len(desk.sent)
    during = desk.sends_for(OUTAGE)
    seen = desk.reads(first)["recipients"][0]
    check(seen["state"] == "queued" and seen["attempts"] > 0 and seen["error"], f"{first} was not tried: {seen}")
    check(len(office.arrived()) == here, "a mail arrived at a server that is away")
    office.opens()
    back = time.monotonic()
    compare(before, during)
    patience = longest_wait(OUTAGE)
    print(f"with it again; the last try may be {patience / 60:.0f} minutes away", flush=True)
    desk.all_arrive(patience + 60)
    print(f"  all {len(desk.sent)} have arrived, the last {office.last_at - back:.0f} s after it came back", flush=True)
    each_once(desk, office, "the outage")


def crash(desk, office, service, told):
    print(f"killed when a mail was accepted, {'after' if told else 'before'} the service was told so", flush=True)
    for _ in range(10):
        desk.sends()
    trap = Trap(f"Notice {len(desk.sent) + 1}", told, service.process.kill)
    office.trap = trap
    desk.chosen.add(trap.subject)
    # The first of these is the chosen one; the others are sent back or have not been tried when the service dies.
    desk.sends()
    check(trap.comes.wait(60), "the chosen mail does not come")
    for _ in range(20):
        desk.sends()
    trap.may_snap.set()
    died = service.process.wait(timeout=60)
    check(died == -signal.SIGKILL, f"the service was not killed, but ended with {died}")
    # What the dead service had on the line is not taken later on.
    office.closes()
    office.trap = None
    office.opens()
    service.start()
    desk.all_arrive(CLAIM + 120)
    each_once(desk, office, "the crash")
    times = len(office.arrived()[trap.subject])
    check(told or times == 2, "it cannot have been known that the mail was accepted, and yet it did not come again")
    came = "twice, with one Message-ID" if times == 2 else "once"
    print(f"  it arrived {came}, and every other mail once", flush=True)


def each_once(desk, office, what):
    """Each notice has arrived once, and those at which the service was killed twice at most."""
    arrived = office.arrived()
    lost = desk.missing()
    check(not lost, f"lost by {what}: {shown(lost)}")
    doubled = sorted(subject for subject, ids in arrived.items() if len(ids) > (2 if subject in desk.chosen else 1))
    check(not doubled, f"doubled by {what}: {shown(doubled)}")
    changed = sorted(subject for subject, ids in arrived.items() if len(set(ids)) > 1)
    check(not changed, f"came again with another Message-ID: {shown(changed)}")
    ids = {ids[0] for ids in arrived.values()}
    check(len(ids) == len(desk.sent), f"{len(ids)} Message-IDs for {len(desk.sent)} notices")
    left = desk.waiting()
    check(not left, f"not marked as sent after {what}: {shown(left.items())}")


def compare(before, during):
    print(f"  {'median (p99) in ms':20} {'with':>16} {'without':>16}")
    for what, quiet in before.items():
        both = [f"{1000 * statistics.median(took):.1f} ({1000 * high(took):.1f})" for took in (quiet, during[what])]
        print(f"  {what:20} {both[0]:>16} {both[1]:>16}", flush=True)
    for what, quiet in before.items():
        ratio = statistics.median(during[what]) / statistics.median(quiet)
        check(ratio <= RATIO, f"to {what} took {ratio:.1f} times as long during the outage")


def high(took):
    return sorted(took)[int(len(took) * 0.99)]


def longest_wait(outage):
    """How many seconds after the outage the last mail is tried, which failed just before its end and then waits for as
    long as any that failed within it."""
    waited = longest = 0
    for pause in PAUSES:
        if waited * 0.8 > outage:
            break
        longest = pause
        waited += pause
    return longest * 1.2


def shown(found):
    return f"{len(found)} in all: {', '.join(map(str, list(found)[:10]))}"


def timed(do):
    begun = time.perf_counter()
    done = do()
    return time.perf_counter() - begun, done


def until(what, so, seconds):
    end = time.monotonic() + seconds
    while not so():
        if time.monotonic() > end:
            sys.exit(f"not within {seconds:.0f} s: {what()}")
        time.sleep(0.2)


def check(so, otherwise):
    if not so:
        sys.exit(otherwise)


main()
