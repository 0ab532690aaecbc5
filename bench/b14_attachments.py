#!/usr/bin/env python3
"""Memory that --mb of decoded attachments take while they are submitted, given in the body or taken from a message of the mailbox.
b14_attachments.py --token T --pid P --mb 50 --runs 3"""

import base64
import email.message
import os
import threading

from benchlib import *

ap = parser(__doc__)
ap.add_argument("--mb", type=int, default=50)
ap.add_argument("--files", type=int, default=14, help="the contract allows 5 MiB of base64 each")
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("--limit", type=float, default=60, help="fail when more MiB of PSS are added")
a = ap.parse_args()


class Peak:
    """The most PSS, looked at without a pause."""

    def __enter__(self):
        self.top, self.on = 0, True
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while self.on:
            self.top = max(self.top, mem(a.pid)["pss_mb"])
            time.sleep(0.005)

    def __exit__(self, *_):
        self.on = False
        self.thread.join()


def letter(user, files):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "sender@example.org", f"{user}@example.com", "files"
    message["Message-ID"] = f"<{user}@bench>"
    message.set_content("see files")
    for number, content in enumerate(files):
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=f"{number}.bin")
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


async def main():
    user = f"sa{int(time.time()):x}"
    files = [os.urandom(a.mb * 1_000_000 // a.files) for _ in range(a.files)]
    worst = 0
    async with session(a) as s:
        await api(s, a, "POST", "/v1/account", account(a, user))
        await wait_state(s, a, user)
        imap = Imap(a, user)
        await imap.open()
        await imap.append(letter(user, files))
        imap.close()
        for _ in range(100):
            page = await api(s, a, "GET", f"/v1/account/{user}/messages?path=INBOX")
            if page["messages"]:
                break
            await asyncio.sleep(0.2)
        found = page["messages"][0]["attachments"]
        given = [{"filename": f"{n}.bin", "content": base64.b64encode(content).decode()} for n, content in enumerate(files)]
        referred = [{"reference": attachment["id"]} for attachment in found]
        for name, attachments in (("given", given), ("referred", referred)):
            body = {"to": [{"address": "r@example.net"}], "text": "x", "attachments": attachments, "sendAt": "2099-01-01T00:00:00.000Z"}
            for _ in range(a.runs):
                await quiet(a)
                before, began = mem(a.pid)["pss_mb"], time.time()
                with Peak() as peak:
                    await api(s, a, "POST", f"/v1/account/{user}/submit", body)
                added = round(peak.top - before, 1)
                worst = max(worst, added)
                emit(a, "attachments", {"how": name, "mb": a.mb, "files": a.files, "added_pss_mib": added, "s": round(time.time() - began, 2)})
    if worst > a.limit:
        raise SystemExit(f"{worst} MiB were added, more than {a.limit}")


asyncio.run(main())
