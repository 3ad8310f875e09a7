"""A bot for tghook serve: a café, with python-telegram-bot 13.15, Debian's python3-python-telegram-bot.

The webhook server of the library answers before a handler has run, so an update is lost if the
bot dies in between. Here the answer comes after the handlers: 200 if all have succeeded, else 500.
"""

import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import CallbackQueryHandler, CommandHandler, Dispatcher, Filters, MessageHandler

MENU = InlineKeyboardMarkup([[InlineKeyboardButton(name, callback_data=name.lower()) for name in ("Tea", "Coffee")]])


def start(update, context):
    update.message.reply_text(f"Hello, {update.effective_user.first_name}!", reply_markup=MENU)


def echo(update, context):
    update.message.reply_text(update.message.text)


def press(update, context):
    update.callback_query.answer(f"One {update.callback_query.data}, please!")
    update.callback_query.edit_message_text(f"One {update.callback_query.data} is on its way.")


class Cafe:
    """The bot, and which updates have failed."""

    def __init__(self, token, base_url):
        self.bot = Bot(token, base_url=base_url)
        self.dispatcher = Dispatcher(self.bot, None, workers=0)
        self.dispatcher.add_handler(CommandHandler("start", start))
        self.dispatcher.add_handler(MessageHandler(Filters.text, echo))
        self.dispatcher.add_handler(CallbackQueryHandler(press))
        self.dispatcher.add_error_handler(self.failed)
        self.errors = {}

    def failed(self, update, context):
        self.errors[id(update)] = context.error

    def handle(self, body):
        update = Update.de_json(json.loads(body), self.bot)
        self.dispatcher.process_update(update)
        if error := self.errors.pop(id(update), None):
            raise error


def serve(cafe, secret, host, port):
    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps the connection

        def do_POST(self):
            given = self.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
            if not hmac.compare_digest(given.encode(), secret.encode()):
                return self.answer(401, ("Connection", "close"))  # the body is not read
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                cafe.handle(body)
            except Exception as error:
                self.log_error("%r", error)
                return self.answer(500)  # the update comes again
            self.answer(200)

        def answer(self, status, *headers):
            self.send_response(status)
            for name, value in (("Content-Length", "0"), *headers):
                self.send_header(name, value)
            self.end_headers()

        def log_request(self, code="-", size="-"):
            pass

    server = ThreadingHTTPServer((host, port), Receiver)
    print(f"The bot listens on port {server.server_port}", flush=True)
    server.serve_forever()


def main():
    with open(os.environ.get("BOT_SECRET_FILE", "secret"), encoding="utf-8") as file:
        secret = file.read().strip()
    if not secret:
        raise SystemExit("the secret is empty")
    api = os.environ.get("TELEGRAM_API_URL", "https://api.telegram.org")
    cafe = Cafe(os.environ["BOT_TOKEN"], f"{api}/bot")
    serve(cafe, secret, os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "9000")))


if __name__ == "__main__":
    main()
