"""The bot of ../clients_test.go with python-telegram-bot 13.15 of Debian.

It is an ordinary webhook bot with a server of its own, as the library's documentation has it. It does
not know that a gateway is in front of it.
"""
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LabeledPrice, Update
from telegram.ext import CallbackQueryHandler, CommandHandler, Dispatcher, Filters, MessageHandler, PreCheckoutQueryHandler

SECRET = os.environ["BOT_SECRET"]
SHOUT = InlineKeyboardMarkup([[InlineKeyboardButton("Shout", callback_data="shout")]])
bot = Bot(os.environ["BOT_TOKEN"], base_url=os.environ["TELEGRAM_API_URL"] + "/bot")
dispatcher = Dispatcher(bot, None, workers=0)
failures = []  # of the update that is handled


def fail(update, _):
    fail.times += 1
    if fail.times == 1:
        raise RuntimeError("this bot fails on purpose")
    update.message.reply_text("the second attempt")


fail.times = 0


def buy(update, _):
    bot.send_invoice(update.message.chat_id, "Tea", "A cup", "tea", "", "XTR", [LabeledPrice("Tea", 5)])


def press(update, _):
    update.callback_query.answer("Loud enough?")
    update.callback_query.edit_message_text(update.callback_query.message.text.upper())


def album(update, _):
    update.message.reply_text(f"a picture of an album: {update.message.caption or 'no caption'}")


def paid(update, _):
    update.message.reply_text(f"paid {update.message.successful_payment.total_amount}")


def echo(update, _):
    update.message.reply_text(update.message.text, reply_markup=SHOUT)


in_album = MessageHandler(Filters.photo, album)
for handler in [CommandHandler("fail", fail), CommandHandler("buy", buy), PreCheckoutQueryHandler(lambda update, _: update.pre_checkout_query.answer(ok=True)),
                MessageHandler(Filters.successful_payment, paid), in_album, CallbackQueryHandler(press), MessageHandler(Filters.text, echo)]:
    dispatcher.add_handler(handler)
dispatcher.add_error_handler(lambda _, context: failures.append(context.error))


class Webhook(BaseHTTPRequestHandler):
    """Take updates. The answer comes when the handlers have ended."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("X-Telegram-Bot-Api-Secret-Token") != SECRET:
            return self.answer(401)
        message = body.get("message", {})
        if message.get("text") == "/reply":
            return self.answer(200, {"method": "sendMessage", "chat_id": message["chat"]["id"], "text": "a webhook reply"})
        failures.clear()
        dispatcher.process_update(Update.de_json(body, bot))
        return self.answer(500 if failures else 200)

    def answer(self, status, reply=None):
        body = json.dumps(reply).encode() if reply else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Webhook).serve_forever()
