"""Test a Telegram bot from end to end, with the Telegram of `tghook dev`.

This file is the whole client. It needs Python 3.9 and nothing else: copy it next to your tests.

    with Desk.start("python3", "bot.py") as desk:
        bot = desk.bot()
        chat = bot.chat(desk.user("Zoë"))
        chat.send("/start")
        chat.expect("Hello, Zoë!").press("Tea")
        chat.expect("One tea is on its way.")

Desk.start runs `tghook dev` with your bot's command. The bot finds its token and the address of
the Bot API in its environment. Desk("http://127.0.0.1:8081") uses a `tghook dev` that runs already.
"""

import json
import mimetypes
import os
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class DeskError(AssertionError):
    """What tghook says in place of an answer, such as what the bot did instead."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status = status
        self.code = code


class Desk:
    """A Telegram on your desk."""

    def __init__(self, url="http://127.0.0.1:8081"):
        self.url = url.rstrip("/")
        self._process = None

    @classmethod
    def start(cls, *command, flags=(), tghook=None):
        """Starts `tghook dev` at a free port, and the bot by its command. End it with close()."""
        line = [tghook or os.environ.get("TGHOOK", "tghook"), "dev", "--listen", "127.0.0.1:0", "--json", "--no-watch", *flags]
        if command:
            line += ["--", *command]
        try:
            process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        except FileNotFoundError:
            raise RuntimeError(f"there is no program {line[0]}: install tghook, or set TGHOOK to its path") from None
        said = process.stdout.readline()
        try:
            about = json.loads(said)
        except ValueError:
            process.terminate()
            process.wait()
            raise RuntimeError("tghook dev did not start: see what it has printed above") from None
        desk = cls(about["bot_api"])
        desk._process = process
        return desk

    def close(self):
        """Ends the `tghook dev` that start has started, and the bot with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, method, path, body=None, files=()):
        """Calls the control API. files are (name, content) pairs; with them the body goes as a form."""
        data, headers = None, {}
        if files:
            data, headers["Content-Type"] = _form(body or {}, files)
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        elif method != "GET":
            data, headers["Content-Type"] = b"{}", "application/json"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=320) as answer:
                text = answer.read()
        except urllib.error.HTTPError as failure:
            with failure:
                text = failure.read().decode("utf-8", "replace")
            try:
                error = json.loads(text)["error"]
            except (ValueError, KeyError):
                error = {"code": "unknown", "message": text}
            raise DeskError(failure.code, error["code"], error["message"]) from None
        return json.loads(text) if text.strip() else None

    def user(self, name, **about):
        """Makes a user. about may have username, language, premium and id."""
        return User(self, self.call("POST", "/api/users", {"name": name, **about}))

    def bot(self, timeout=60):
        """Returns the bot, as soon as it asks for updates."""
        late = time.monotonic() + timeout
        while True:
            for bot in self.call("GET", "/api/bots"):
                if bot["polling"] or bot["webhook"].get("url"):
                    return Bot(self, bot)
            if time.monotonic() > late:
                raise DeskError(0, "no_bot", f"no bot has asked for updates within {timeout} s; does it read the address of the Bot API from its environment?")
            time.sleep(0.05)

    def advance(self, duration):
        """Lets time jump ahead, by a duration such as 1h30m."""
        return self.call("POST", "/api/time", {"advance": duration})

    def reset(self):
        """Forgets chats, users, updates and faults."""
        self.call("POST", "/api/reset")


class User:
    """A person who uses the bot."""

    def __init__(self, desk, about):
        self.desk, self.id, self.name, self.about = desk, about["id"], about["name"], about


class Bot:
    """A bot at the desk."""

    def __init__(self, desk, about):
        self.desk, self.id, self.username, self.about = desk, about["id"], about["username"], about
        self.path = f"/api/bots/{self.id}"
        self._begun = desk.call("GET", "/api/state")["seq"]
        self._taken = set()

    def chat(self, user):
        """Returns the private chat of a user with the bot."""
        return Chat(self, user, user.id)

    def group(self, title, owner, kind="group", members=(), bot="administrator"):
        """Makes a group, and returns its chat as the owner sees it. kind is group, basic_group, forum or channel."""
        made = self.desk.call("POST", self.path + "/chats", {
            "type": kind, "title": title, "as": owner.id, "members": [m.id for m in members], "bot": bot})
        return Chat(self, owner, made["id"])

    def inline(self, user, query, wait="10s"):
        """Types the query after the bot's name, and waits for the results. With wait=None it does not wait."""
        body = {"as": user.id, "query": query, **({"wait": wait} if wait else {})}
        return Inline(self, user, self.desk.call("POST", self.path + "/inline", body))

    def block(self, user):
        self.desk.call("POST", f"{self.path}/users/{user.id}/block")

    def unblock(self, user):
        self.desk.call("POST", f"{self.path}/users/{user.id}/unblock")

    def deliver(self, update):
        """Gives the bot an update that no act of a user makes."""
        return self.desk.call("POST", self.path + "/updates", {"update": update})

    def fault(self, **fault):
        """Sets a fault, such as scenario="flood", or error={"code": 502}. It happens once, or as often as times says."""
        return self.desk.call("POST", self.path + "/faults", {"times": 1, **fault})

    def expect_call(self, method, error=None, timeout="10s"):
        """Waits for a call of the method, and returns its row. It returns each call once.

        With error it waits for a call that has failed with this description.
        """
        while True:
            row = self.wait(method=method, timeout=timeout)["row"]
            if error is None or row.get("error") == error:
                return row

    def idle(self, timeout="10s"):
        """Waits until the bot has nothing more to do."""
        self.wait(kind="idle", timeout=timeout)

    def wait(self, **what):
        """Waits until the bot does something: see POST /api/bots/{bot}/wait. It returns nothing twice."""
        after = what.pop("after", self._begun)
        while True:
            found = self.desk.call("POST", self.path + "/wait", {"after": after, **what})
            if what.get("kind") == "idle" or found["seq"] not in self._taken:
                self._taken.add(found["seq"])
                return found
            after = found["seq"]


class Chat:
    """A chat in which one user acts."""

    def __init__(self, bot, user, id, thread=None):
        self.bot, self.user, self.id, self.thread = bot, user, id, thread
        self.desk, self.path = bot.desk, f"{bot.path}/chats/{id}"

    def expect(self, text=None, timeout="10s", **what):
        """Waits until the bot sends or edits a message with this text, and returns the message.

        It returns each message and each edit once, in any order. contains= and matches= look for a part
        of the text.
        """
        if text is not None:
            what["text"] = text
        return Message(self, self.bot.wait(chat=self.id, timeout=timeout, **what)["message"])

    def expect_draft(self, text, timeout="10s"):
        """Waits until the bot shows a draft with this text, and returns the draft."""
        return Draft(self, self.bot.wait(chat=self.id, kind="draft", text=text, timeout=timeout)["event"])

    def see(self, message):
        """Returns a message that another user of the chat has, as this user has it."""
        return Message(self, message.raw)

    def send(self, text, reply_to=None):
        """Sends a text."""
        return self._send(text=text, reply_to=reply_to.id if reply_to else None)[0]

    def send_file(self, kind, name, content, **about):
        """Sends a file. kind is photo, document, video, animation, audio, voice, video_note or sticker."""
        return self._send([(name, content)], kind=kind, **about)[0]

    def send_photo(self, content, caption=""):
        return self.send_file("photo", "photo.jpg", content, caption=caption)

    def send_document(self, name, content, caption=""):
        return self.send_file("document", name, content, caption=caption)

    def send_album(self, *photos):
        """Sends pictures as an album."""
        return self._send([(f"photo{i}.jpg", content) for i, content in enumerate(photos)], kind="album")

    def send_location(self, latitude, longitude):
        return self._send(kind="location", latitude=latitude, longitude=longitude)[0]

    def send_venue(self, title, address, latitude, longitude):
        return self._send(kind="venue", name=title, address=address, latitude=latitude, longitude=longitude)[0]

    def send_contact(self, phone):
        """Sends the user's own phone number."""
        return self._send(kind="contact", phone=phone)[0]

    def send_poll(self, question, *options):
        return self._send(kind="poll", question=question, options=list(options))[0]

    def send_dice(self, emoji="🎲"):
        return self._send(kind="dice", emoji=emoji)[0]

    def send_web_app_data(self, button, data):
        return self._send(kind="web_app_data", button=button, data=data)[0]

    def _send(self, files=(), **body):
        body = {"as": self.user.id, "thread": self.thread, **body}
        body = {name: value for name, value in body.items() if value is not None}
        sent = self.desk.call("POST", self.path + "/messages", body, files)
        return [Message(self, m) for m in sent["messages"]]

    def join(self, user):
        """Makes another user a member, and returns the chat as they see it."""
        self.desk.call("POST", self.path + "/join", {"as": user.id})
        return Chat(self.bot, user, self.id)

    def leave(self):
        self.desk.call("POST", self.path + "/leave", {"as": self.user.id})

    def set_bot(self, status, **rights):
        """Makes the bot administrator, member or kicked."""
        self.desk.call("PUT", self.path + "/bot", {"as": self.user.id, "status": status, **({"rights": rights} if rights else {})})

    def open_topic(self, name):
        """Opens a topic in a forum, and returns its chat."""
        made = self.desk.call("POST", self.path + "/topics", {"as": self.user.id, "name": name})
        return Chat(self.bot, self.user, self.id, made["thread_id"])

    def topic(self, name, timeout=10):
        """Returns the chat of the newest topic with the name, which the bot may be about to make."""
        late = time.monotonic() + timeout
        while True:
            for topic in reversed(self.state()["topics"]):
                if topic["name"] == name:
                    return Chat(self.bot, self.user, self.id, topic["thread_id"])
            if time.monotonic() > late:
                raise DeskError(0, "no_topic", f"there was no topic {name!r} within {timeout} s")
            time.sleep(0.05)

    def close_topic(self):
        self.desk.call("POST", f"{self.path}/topics/{self.thread}/close", {"as": self.user.id})

    def reopen_topic(self):
        self.desk.call("POST", f"{self.path}/topics/{self.thread}/reopen", {"as": self.user.id})

    def state(self):
        """Returns what the user sees of the chat: its keyboard, topics, members and so on."""
        return self.desk.call("GET", f"{self.path}?as={self.user.id}")

    def messages(self, limit=50):
        """Returns the newest messages, oldest first."""
        seen = self.desk.call("GET", f"{self.path}/messages?as={self.user.id}&limit={limit}")
        return [Message(self, m) for m in seen["messages"]]


class Message:
    """A message in a chat. raw is the Bot API's Message."""

    def __init__(self, chat, raw):
        self.chat, self.raw, self.id = chat, raw, raw["message_id"]
        self.path = f"{chat.path}/messages/{self.id}"

    @property
    def text(self):
        """The text, the caption or the poll's question."""
        return self.raw.get("text") or self.raw.get("caption") or self.raw.get("poll", {}).get("question", "")

    def press(self, button, answer=None):
        """Presses the button with that text. With answer it waits until the bot answers so by answerCallbackQuery."""
        body = {"as": self.chat.user.id, "button": button}
        if answer is not None:
            body["wait"] = "10s"
        said = self._call("POST", "/press", body)
        if answer is not None:
            got = said.get("text") or ""
            assert said.get("answered"), f"the bot did not answer the press of {button!r}: {said.get('error', '')}"
            assert got == answer, f"the bot answered the press of {button!r} with {got!r}, not {answer!r}"
        return said

    def edit(self, text):
        self._call("PATCH", "", {"as": self.chat.user.id, "text": text})
        return self

    def delete(self):
        self._call("DELETE", f"?as={self.chat.user.id}")

    def react(self, *emoji):
        """Sets the user's reactions. Without emoji it takes them back."""
        self._call("POST", "/reactions", {"as": self.chat.user.id, "emoji": list(emoji)})

    def vote(self, *options):
        self._call("POST", "/vote", {"as": self.chat.user.id, "options": list(options)})

    def pay(self, **order):
        """Pays the invoice, and returns the step: paid or refused, with the text of a refusal in error."""
        return self._call("POST", "/pay", {"as": self.chat.user.id, "wait": "10s", **order})

    def _call(self, method, path, body=None):
        return self.chat.desk.call(method, self.path + path, body)


class Draft:
    """A message that the bot is still writing."""

    def __init__(self, chat, event):
        self.chat, self.id, self.text = chat, event["object"]["draft_id"], event["object"]["text"]

    def stop(self):
        """Presses the Stop button."""
        self.chat.desk.call("POST", f"{self.chat.path}/drafts/{self.id}/stop", {"as": self.chat.user.id})


class Inline:
    """The results of an inline query."""

    def __init__(self, bot, user, answer):
        self.bot, self.user, self.id, self.results = bot, user, answer["id"], answer["results"]

    def choose(self, index):
        """Sends the result at the index."""
        return self.bot.desk.call("POST", f"{self.bot.path}/inline/{self.id}/choose", {"index": index})


def _form(fields, files):
    """Encodes fields and files as multipart/form-data."""
    boundary = uuid.uuid4().hex
    parts = []
    for name, value in fields.items():
        text = value if isinstance(value, str) else json.dumps(value)
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + text.encode() + b"\r\n")
    for name, content in files:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        quoted = urllib.parse.quote(name, safe=" !#$&()+,-.;=@[]^_`{}~'")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\nContent-Type: {kind}\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"
