"""Tests the bot from end to end: python3 -m unittest. tghook must be on the PATH, or in $TGHOOK."""

import sys
import unittest
from pathlib import Path

from tghook_dev import Desk, DeskError

BOT = Path(__file__).with_name("bot.py")


class CafeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.desk = Desk.start(sys.executable, str(BOT))
        cls.addClassCleanup(cls.desk.close)
        cls.bot = cls.desk.bot()

    def setUp(self):
        self.chat = self.bot.chat(self.desk.user(self.id().rpartition(".")[2]))

    def test_greets(self):
        self.chat.send("/start")
        self.chat.expect("Hello, test_greets!")

    def test_takes_an_order(self):
        self.chat.send("/start")
        menu = self.chat.expect(contains="Hello")
        menu.press("Tea", answer="One tea, please!")
        order = self.chat.expect("One tea is on its way.")
        self.assertEqual(order.id, menu.id, "the menu becomes the order")

    def test_likes_pictures(self):
        self.chat.send_photo(b"not really a JPEG", caption="Look!")
        self.chat.expect("A picture of 17 bytes. Lovely!")

    def test_waits_when_there_are_too_many_calls(self):
        self.bot.fault(error={"code": 429, "retry_after": 1}, match={"method": "sendMessage", "chat": self.chat.id})
        self.chat.send("/start")
        self.bot.expect_call("sendMessage", error="Too Many Requests: retry after 1")
        self.chat.expect(contains="Hello")

    def test_goes_on_when_a_user_has_blocked_it(self):
        self.bot.fault(scenario="blocked", match={"chat": self.chat.id})
        self.chat.send("/start")
        self.bot.expect_call("sendMessage", error="Forbidden: bot was blocked by the user")
        self.chat.send("/start")
        self.chat.expect(contains="Hello")
        self.assertEqual(self.desk.call("GET", "/api/child")["restarts"], 0, "tghook had to start the bot again")

    def test_is_silent_otherwise(self):
        self.chat.send("How are you?")
        self.bot.idle()
        with self.assertRaisesRegex(DeskError, "it said nothing in this chat"):
            self.chat.expect("Fine, thank you.", timeout="50ms")


if __name__ == "__main__":
    unittest.main()
