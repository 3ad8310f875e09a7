"""A small bot: a café that polls for updates. It needs Python alone."""

import json
import os
import time
import urllib.error
import urllib.request

API = os.environ.get("TELEGRAM_API_URL", "https://api.telegram.org")
TOKEN = os.environ["TELEGRAM_TOKEN"]
MENU = {"inline_keyboard": [[{"text": name, "callback_data": name.lower()} for name in ("Tea", "Coffee")]]}


class Refused(Exception):
    """An error of the Bot API."""


def call(method, **params):
    """Calls the Bot API. When there were too many calls, it waits and calls again."""
    request = urllib.request.Request(f"{API}/bot{TOKEN}/{method}", json.dumps(params).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["result"]
    except urllib.error.HTTPError as failure:
        with failure:
            error = json.load(failure)
    if error["error_code"] == 429:
        time.sleep(error["parameters"]["retry_after"])
        return call(method, **params)
    raise Refused(error["description"])


def download(file_id):
    path = call("getFile", file_id=file_id)["file_path"]
    with urllib.request.urlopen(f"{API}/file/bot{TOKEN}/{path}", timeout=60) as answer:
        return answer.read()


def on_message(message):
    chat = message["chat"]["id"]
    if "photo" in message:
        picture = download(message["photo"][-1]["file_id"])
        call("sendMessage", chat_id=chat, text=f"A picture of {len(picture)} bytes. Lovely!")
    elif message.get("text") == "/start":
        call("sendMessage", chat_id=chat, text=f"Hello, {message['from']['first_name']}!", reply_markup=MENU)


def on_press(query):
    drink = query["data"]
    call("answerCallbackQuery", callback_query_id=query["id"], text=f"One {drink}, please!")
    message = query["message"]
    call("editMessageText", chat_id=message["chat"]["id"], message_id=message["message_id"], text=f"One {drink} is on its way.")


def main():
    offset = 0
    while True:
        for update in call("getUpdates", offset=offset, timeout=50):
            offset = update["update_id"] + 1
            try:
                if "message" in update:
                    on_message(update["message"])
                elif "callback_query" in update:
                    on_press(update["callback_query"])
            except Refused as refused:
                print("Telegram has refused a call:", refused)


if __name__ == "__main__":
    main()
