"""The bot of ../scenario_test.go, with python-telegram-bot 13.15 of Debian."""
import base64
import io
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import socket

from telegram import (Bot, BotCommand, ChatPermissions, ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, InlineQueryResultArticle,
                      InputMediaDocument, InputMediaPhoto, InputTextMessageContent, LabeledPrice, MenuButtonCommands, MessageEntity, ReplyKeyboardMarkup,
                      ReplyKeyboardRemove, Update)
from telegram.error import RetryAfter, TelegramError, Unauthorized
from telegram.ext import Handler, Updater
from telegram.utils.request import Request

TOKEN, API = os.environ["TELEGRAM_TOKEN"], os.environ["TELEGRAM_API_URL"]
URL, SECRET = os.environ.get("TELEGRAM_WEBHOOK_URL"), os.environ.get("TELEGRAM_SECRET")
PHOTO = base64.b64decode(os.environ["PHOTO"])
ALLOWED = ["message", "edited_message", "callback_query", "inline_query", "chosen_inline_result", "poll_answer", "chat_member", "pre_checkout_query"]

# By default the library waits 5 seconds for an answer. A busy machine may need longer.
bot = Bot(TOKEN, base_url=API + "/bot", base_file_url=API + "/file/bot", request=Request(con_pool_size=8, connect_timeout=30, read_timeout=30))


def named(content, name):
    """Return an upload."""
    upload = io.BytesIO(content)
    upload.name = name
    return upload


def types(message):
    return " ".join(entity.type for entity in message.entities)


def edit(chat, *_):
    return bot.edit_message_text("after", chat, bot.send_message(chat, "before").message_id).text


def edit_caption(chat, *_):
    sent = bot.send_photo(chat, PHOTO, caption="before")
    return bot.edit_message_caption(chat, sent.message_id, caption="a new caption").caption


def edit_media(chat, *_):
    sent = bot.send_photo(chat, PHOTO)
    media = InputMediaDocument(b"a report", caption="a file now", filename="report.txt")
    edited = bot.edit_message_media(chat, sent.message_id, media=media)
    return f"{edited.document.file_name}: {edited.caption}"


def edit_markup(chat, *_):
    sent = bot.send_message(chat, "with a link below")
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("there", url="https://example.org/")]])
    return bot.edit_message_reply_markup(chat, sent.message_id, reply_markup=markup).reply_markup.inline_keyboard[0][0].text


def photo_by_id(chat, *_):
    sent = bot.send_photo(chat, PHOTO).photo[-1]
    return bot.send_photo(chat, sent.file_id).photo[-1].file_unique_id == sent.file_unique_id


def kinds(chat, *_):
    sent = []
    for send, kind, name in [
            (bot.send_video, "video", "a.mp4"), (bot.send_audio, "audio", "a.mp3"), (bot.send_voice, "voice", "a.ogg"),
            (bot.send_animation, "animation", "a.gif"), (bot.send_video_note, "video_note", "a.mp4"), (bot.send_sticker, "sticker", "a.webp")]:
        if getattr(send(chat, named(name.encode(), name)), kind):
            sent.append(kind)
    return " ".join(sent)


def album(chat, *_):
    first, second = bot.send_media_group(chat, [InputMediaPhoto(PHOTO, caption="first"), InputMediaPhoto(PHOTO)])
    return first.media_group_id == second.media_group_id


def pin(chat, message, *_):
    bot.pin_chat_message(chat, message.message_id)
    pinned = bot.get_chat(chat).pinned_message.message_id == message.message_id
    bot.unpin_chat_message(chat, message.message_id)
    return pinned and bot.get_chat(chat).pinned_message is None


def stop_poll(chat, *_):
    return bot.stop_poll(chat, bot.send_poll(chat, "Coffee?", ["Yes", "No"]).message_id).is_closed


def commands(*_):
    bot.set_my_commands([BotCommand("start", "Begin")], language_code="de")
    [command] = bot.get_my_commands(language_code="de")
    bot.delete_my_commands(language_code="de")
    return f"{command.description}, then {len(bot.get_my_commands(language_code='de'))}"


def invoice(chat, *_):
    sent = bot.send_invoice(chat, "Tea", "A cup", "p", "", "XTR", [LabeledPrice("Tea", 5)], start_parameter="").invoice
    return f"{sent.total_amount} {sent.currency}"


def menu(chat, *_):
    bot.set_chat_menu_button(chat, MenuButtonCommands())
    return bot.get_chat_menu_button(chat).type


def restrict(chat, _, user):
    bot.restrict_chat_member(chat, user, ChatPermissions(can_send_messages=False))
    return bot.get_chat_member(chat, user).can_send_messages


def promote(chat, _, user):
    bot.promote_chat_member(chat, user, can_pin_messages=True)
    bot.set_chat_administrator_custom_title(chat, user, "Chief")
    return bot.get_chat_member(chat, user).custom_title


def ban(chat, _, user):
    bot.kick_chat_member(chat, user)  # the old name of banChatMember
    banned = bot.get_chat_member(chat, user).status
    bot.unban_chat_member(chat, user)
    return f"{banned}, then {bot.get_chat_member(chat, user).status}"


def title(chat, *_):
    bot.set_chat_title(chat, "Another team")
    return bot.get_chat(chat).title


TASKS = {
    "html": lambda chat, *_: types(bot.send_message(chat, "<b>bold</b> &amp; <i>slanted</i>", parse_mode="HTML")),
    "markdown": lambda chat, *_: types(bot.send_message(chat, "*bold* `code`", parse_mode="MarkdownV2")),
    "entities": lambda chat, *_: types(bot.send_message(chat, "a link", entities=[MessageEntity("text_link", 2, 4, url="https://example.org/")])),
    "preview": lambda chat, *_: bot.send_message(chat, "https://example.org", disable_web_page_preview=True).text,
    "reply": lambda chat, message, *_: bot.send_message(chat, "an answer", reply_to_message_id=message.message_id).reply_to_message.text,
    "keyboard": lambda chat, *_: bot.send_message(chat, "Yes or no?", reply_markup=ReplyKeyboardMarkup([["Yes", "No"]], resize_keyboard=True)).text,
    "keyboard_gone": lambda chat, *_: bot.send_message(chat, "No keyboard", reply_markup=ReplyKeyboardRemove()).text,
    "force_reply": lambda chat, *_: bot.send_message(chat, "Your name?", reply_markup=ForceReply()).text,
    "edit": edit,
    "edit_caption": edit_caption,
    "edit_media": edit_media,
    "edit_markup": edit_markup,
    "delete": lambda chat, *_: bot.delete_message(chat, bot.send_message(chat, "nobody reads this").message_id),
    "photo": lambda chat, *_: len(bot.send_photo(chat, PHOTO).photo) > 0,
    "photo_by_id": photo_by_id,
    "photo_by_url": lambda chat, *_: len(bot.send_photo(chat, "https://example.org/cat.jpg").photo) > 0,
    "document": lambda chat, *_: bot.send_document(chat, named(b"a report", "report.txt")).document.file_name,
    "stream": lambda chat, *_: bot.send_document(chat, io.BufferedReader(io.BytesIO(b"a stream")), filename="stream.txt").document.file_size,
    "kinds": kinds,
    "album": album,
    "copy": lambda chat, message, *_: bot.copy_message(chat, chat, message.message_id).message_id > message.message_id,
    "forward": lambda chat, message, *_: "user" if bot.forward_message(chat, chat, message.message_id).forward_from else "hidden",
    "location": lambda chat, *_: bot.send_location(chat, 48.5, 9.25).location.latitude,
    "venue": lambda chat, *_: bot.send_venue(chat, 48.5, 9.25, "Town hall", "Market 1").venue.title,
    "contact": lambda chat, *_: bot.send_contact(chat, "+15550100", "Ann").contact.first_name,
    "dice": lambda chat, *_: bot.send_dice(chat, emoji="🎯").dice.emoji,
    "action": lambda chat, *_: bot.send_chat_action(chat, "typing"),
    "pin": pin,
    "poll": lambda chat, *_: bot.send_poll(chat, "Tea?", ["Yes", "No"], is_anonymous=False).poll.question,
    "stop_poll": stop_poll,
    "commands": commands,
    "menu": menu,
    "me": lambda *_: bot.get_me().is_bot,
    "invoice": invoice,
    "chat": lambda chat, *_: bot.get_chat(chat).type,
    "members": lambda chat, *_: bot.get_chat_members_count(chat),  # the old name of getChatMemberCount
    "member": lambda chat, _, user: bot.get_chat_member(chat, user).status,
    "administrators": lambda chat, *_: any(member.user.is_bot for member in bot.get_chat_administrators(chat)),
    "restrict": restrict,
    "promote": promote,
    "ban": ban,
    "title": title,
    "invite": lambda chat, *_: bot.create_chat_invite_link(chat, member_limit=3).member_limit,
    "empty": lambda chat, *_: bot.send_message(chat, ""),
    "nowhere": lambda *_: bot.send_message(1, "?"),
    "send_to": lambda _chat, _message, user: bot.send_message(user, "hello").text,
}


def done(task, chat, message, arguments):
    """Do a task and say what came of it."""
    if task not in TASKS:
        return "not available"
    try:
        result = TASKS[task](chat, message, *arguments)
        return str(result).lower() if isinstance(result, bool) else str(result)
    except RetryAfter as error:
        return f"429 Too Many Requests: retry after {error.retry_after:.0f}"
    except Unauthorized as error:
        return f"403 {error.message}"
    except TelegramError as error:
        return f"400 Bad Request: {error.message[:1].lower()}{error.message[1:]}"  # the library changes the text


def got(message):
    chat, text = message.chat.id, message.text or ""
    command, *rest = text.split(" ")
    kind = next((kind for kind in ["document", "location", "contact"] if getattr(message, kind)), None)
    if command == "/do":
        task, *arguments = rest
        bot.send_message(chat, f"{task}: {done(task, chat, message, arguments)}")
    elif command == "/start" and rest:
        bot.send_message(chat, f"started with {rest[0]}")
    elif command == "/photo":
        bot.send_photo(chat, PHOTO, caption="a photo")
    elif paid := message.successful_payment:
        bot.send_message(chat, f"paid {paid.total_amount} {paid.currency}")
    elif message.photo:
        content = bot.get_file(message.photo[-1].file_id).download_as_bytearray()
        bot.send_message(chat, f"{len(content)} bytes")
    elif text:
        bot.send_message(chat, text, reply_markup=InlineKeyboardMarkup([[InlineKeyboardButton("Shout", callback_data="shout")]]))
    elif kind:
        bot.send_message(chat, f"a {kind}")


def handle(update, _context=None):
    if update.message:
        got(update.message)
    if update.edited_message:
        bot.send_message(update.edited_message.chat.id, f"edited: {update.edited_message.text}")
    if query := update.callback_query:
        query.answer("Loud enough?")
        query.edit_message_text(query.message.text.upper())
    if query := update.inline_query:
        query.answer([InlineQueryResultArticle("1", query.query, InputTextMessageContent(query.query))])
    if chosen := update.chosen_inline_result:
        bot.send_message(chosen.from_user.id, f"chose {chosen.result_id}")
    if answer := update.poll_answer:
        bot.send_message(answer.user.id, "voted " + ",".join(map(str, answer.option_ids)))
    if checkout := update.pre_checkout_query:
        checkout.answer(ok=True)
    if member := update.chat_member:
        bot.send_message(member.chat.id, f"{member.new_chat_member.user.first_name} is {member.new_chat_member.status}")


class Every(Handler):
    """Handle every update, one after the other."""

    def check_update(self, update):
        return isinstance(update, Update)


class Webhook(BaseHTTPRequestHandler):
    """Take a webhook's updates. The library's own server cannot use the socket of the test."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers.get("X-Telegram-Bot-Api-Secret-Token") == SECRET
        if known:
            handle(Update.de_json(json.loads(body), bot))
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    if URL:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook, bind_and_activate=False)
        server.socket = socket.socket(fileno=3)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bot._post("setWebhook", {"url": URL, "secret_token": SECRET, "allowed_updates": ALLOWED})  # the library does not know secret_token
        end.wait()
        server.shutdown()
    else:
        updater = Updater(bot=bot, workers=1)
        updater.dispatcher.add_handler(Every(handle))
        updater.start_polling(timeout=1, read_latency=30, allowed_updates=ALLOWED)
        end.wait()
        updater.stop()
    sys.exit(0)


main()
