// The bot of ../scenario_test.go, for every library that calls a method of the Bot API by
// its name. It echoes what a user says. On "/do <task> <arguments>" it does the task and
// says what came of it.
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";

const photo = Buffer.from(process.env.PHOTO, "base64");
const { TELEGRAM_API_URL: apiRoot, TELEGRAM_TOKEN: token } = process.env;

// Updates of these kinds are asked for.
export const allowed = [
  "message", "edited_message", "callback_query", "inline_query", "chosen_inline_result", "poll_answer", "message_reaction", "chat_member",
  "pre_checkout_query", "business_message",
];

const download = async (path) => {
  const response = await fetch(`${apiRoot}/file/bot${token}/${path}`);
  if (!response.ok) throw new Error(`the file was answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
};

// scenario returns the bot's handler of updates. api calls a method by its name; bytes and
// stream make an upload of the library's own type.
export function scenario({ api, bytes, stream }) {
  const picture = () => bytes(photo, "photo.jpg");

  const tasks = {
    html: async (c) => (await api("sendMessage", { ...c, text: "<b>bold</b> & <i>slanted</i>".replace("&", "&amp;"), parse_mode: "HTML" })).entities,
    markdown: async (c) => (await api("sendMessage", { ...c, text: "*bold* `code`", parse_mode: "MarkdownV2" })).entities,
    entities: async (c) =>
      (await api("sendMessage", { ...c, text: "a link", entities: [{ type: "text_link", offset: 2, length: 4, url: "https://example.org/" }] })).entities,
    preview: async (c) => (await api("sendMessage", { ...c, text: "https://example.org", link_preview_options: { is_disabled: true } })).text,
    reply: async (c, [], m) => (await api("sendMessage", { ...c, text: "an answer", reply_parameters: { message_id: m.message_id } })).reply_to_message.text,
    keyboard: async (c) =>
      (await api("sendMessage", { ...c, text: "Yes or no?", reply_markup: { keyboard: [[{ text: "Yes" }, { text: "No" }]], resize_keyboard: true } })).text,
    keyboard_gone: async (c) => (await api("sendMessage", { ...c, text: "No keyboard", reply_markup: { remove_keyboard: true } })).text,
    force_reply: async (c) => (await api("sendMessage", { ...c, text: "Your name?", reply_markup: { force_reply: true } })).text,
    edit: async (c) => {
      const { message_id } = await api("sendMessage", { ...c, text: "before" });
      return (await api("editMessageText", { ...c, message_id, text: "after" })).text;
    },
    edit_caption: async (c) => {
      const { message_id } = await api("sendPhoto", { ...c, photo: picture(), caption: "before" });
      return (await api("editMessageCaption", { ...c, message_id, caption: "a new caption" })).caption;
    },
    edit_media: async (c) => {
      const { message_id } = await api("sendPhoto", { ...c, photo: picture() });
      const media = { type: "document", media: bytes(Buffer.from("a report"), "report.txt"), caption: "a file now" };
      const edited = await api("editMessageMedia", { ...c, message_id, media });
      return `${edited.document.file_name}: ${edited.caption}`;
    },
    edit_markup: async (c) => {
      const { message_id } = await api("sendMessage", { ...c, text: "with a link below" });
      const edited = await api("editMessageReplyMarkup", {
        ...c, message_id, reply_markup: { inline_keyboard: [[{ text: "there", url: "https://example.org/" }]] },
      });
      return edited.reply_markup.inline_keyboard[0][0].text;
    },
    delete: async (c) => {
      const { message_id } = await api("sendMessage", { ...c, text: "nobody reads this" });
      return await api("deleteMessage", { ...c, message_id });
    },
    photo: async (c) => (await api("sendPhoto", { ...c, photo: picture() })).photo.length > 0,
    photo_by_id: async (c) => {
      const sent = await api("sendPhoto", { ...c, photo: picture() });
      const again = await api("sendPhoto", { ...c, photo: sent.photo.at(-1).file_id });
      return sent.photo.at(-1).file_unique_id === again.photo.at(-1).file_unique_id;
    },
    photo_by_url: async (c) => (await api("sendPhoto", { ...c, photo: "https://example.org/cat.jpg" })).photo.length > 0,
    document: async (c) => (await api("sendDocument", { ...c, document: bytes(Buffer.from("a report"), "report.txt") })).document.file_name,
    stream: async (c) => (await api("sendDocument", { ...c, document: await stream(Readable.from([Buffer.from("a "), Buffer.from("stream")]), "stream.txt") })).document.file_size,
    kinds: async (c) => {
      const kinds = [];
      for (const [method, field, name] of [
        ["sendVideo", "video", "a.mp4"], ["sendAudio", "audio", "a.mp3"], ["sendVoice", "voice", "a.ogg"], ["sendAnimation", "animation", "a.gif"],
        ["sendVideoNote", "video_note", "a.mp4"], ["sendSticker", "sticker", "a.webp"],
      ]) {
        const sent = await api(method, { ...c, [field]: bytes(Buffer.from(name), name) });
        if (sent[field]) kinds.push(field);
      }
      return kinds;
    },
    album: async (c) => {
      const media = [{ type: "photo", media: picture(), caption: "first" }, { type: "photo", media: picture() }];
      const sent = await api("sendMediaGroup", { ...c, media });
      return sent.length === 2 && sent[0].media_group_id === sent[1].media_group_id;
    },
    copy: async (c, [], m) => (await api("copyMessage", { ...c, from_chat_id: c.chat_id, message_id: m.message_id })).message_id > m.message_id,
    forward: async (c, [], m) => (await api("forwardMessage", { ...c, from_chat_id: c.chat_id, message_id: m.message_id })).forward_origin.type,
    location: async (c) => (await api("sendLocation", { ...c, latitude: 48.5, longitude: 9.25 })).location.latitude,
    venue: async (c) => (await api("sendVenue", { ...c, latitude: 48.5, longitude: 9.25, title: "Town hall", address: "Market 1" })).venue.title,
    contact: async (c) => (await api("sendContact", { ...c, phone_number: "+15550100", first_name: "Ann" })).contact.first_name,
    dice: async (c) => (await api("sendDice", { ...c, emoji: "🎯" })).dice.emoji,
    action: (c) => api("sendChatAction", { ...c, action: "typing" }),
    pin: async (c, [], { message_id }) => {
      await api("pinChatMessage", { ...c, message_id });
      const pinned = (await api("getChat", c)).pinned_message.message_id === message_id;
      await api("unpinChatMessage", { ...c, message_id });
      return pinned && (await api("getChat", c)).pinned_message === undefined;
    },
    poll: async (c) => (await api("sendPoll", { ...c, question: "Tea?", options: [{ text: "Yes" }, { text: "No" }], is_anonymous: false })).poll.question,
    stop_poll: async (c) => {
      const { message_id } = await api("sendPoll", { ...c, question: "Coffee?", options: [{ text: "Yes" }, { text: "No" }] });
      return (await api("stopPoll", { ...c, message_id })).is_closed;
    },
    react: (c, [], { message_id }) => api("setMessageReaction", { ...c, message_id, reaction: [{ type: "emoji", emoji: "👍" }] }),
    commands: async () => {
      await api("setMyCommands", { commands: [{ command: "start", description: "Begin" }], language_code: "de" });
      const [command] = await api("getMyCommands", { language_code: "de" });
      await api("deleteMyCommands", { language_code: "de" });
      return `${command.description}, then ${(await api("getMyCommands", { language_code: "de" })).length}`;
    },
    description: async () => {
      await api("setMyDescription", { description: "It echoes" });
      return (await api("getMyDescription", {})).description;
    },
    me: async () => (await api("getMe")).is_bot,
    invoice: async (c) => {
      const sent = await api("sendInvoice", { ...c, title: "Tea", description: "A cup", payload: "p", provider_token: "", currency: "XTR", prices: [{ label: "Tea", amount: 5 }] });
      return `${sent.invoice.total_amount} ${sent.invoice.currency}`;
    },
    link: async () => (await api("createInvoiceLink", { title: "Tea", description: "A cup", payload: "p", provider_token: "", currency: "XTR", prices: [{ label: "Tea", amount: 5 }] })).startsWith("https://"),
    chat: async (c) => (await api("getChat", c)).type,
    members: async (c) => api("getChatMemberCount", c),
    member: async (c, [user_id]) => (await api("getChatMember", { ...c, user_id })).status,
    administrators: async (c) => (await api("getChatAdministrators", c)).some((a) => a.user.is_bot),
    restrict: async (c, [user_id]) => {
      await api("restrictChatMember", { ...c, user_id, permissions: { can_send_messages: false } });
      return (await api("getChatMember", { ...c, user_id })).can_send_messages;
    },
    promote: async (c, [user_id]) => {
      await api("promoteChatMember", { ...c, user_id, can_pin_messages: true });
      await api("setChatAdministratorCustomTitle", { ...c, user_id, custom_title: "Chief" });
      return (await api("getChatMember", { ...c, user_id })).custom_title;
    },
    ban: async (c, [user_id]) => {
      await api("banChatMember", { ...c, user_id });
      const banned = (await api("getChatMember", { ...c, user_id })).status;
      await api("unbanChatMember", { ...c, user_id });
      return `${banned}, then ${(await api("getChatMember", { ...c, user_id })).status}`;
    },
    title: async (c) => {
      await api("setChatTitle", { ...c, title: "Another team" });
      return (await api("getChat", c)).title;
    },
    invite: async (c) => (await api("createChatInviteLink", { ...c, name: "guests", member_limit: 3 })).member_limit,
    gift: async (_, [], m) => {
      const { gifts } = await api("getAvailableGifts");
      return await api("sendGift", { user_id: m.from.id, gift_id: gifts[0].id });
    },
    menu: async (c) => {
      await api("setChatMenuButton", { ...c, menu_button: { type: "commands" } });
      return (await api("getChatMenuButton", c)).type;
    },
    draft: async (c) => api("sendMessageDraft", { ...c, draft_id: 7, text: "I am thinking" }),
    topic: async (c) => {
      const { message_thread_id } = await api("createForumTopic", { ...c, name: "Ticket 7" });
      return (await api("sendMessage", { ...c, message_thread_id, text: "in the topic" })).message_thread_id === message_thread_id;
    },
    empty: (c) => api("sendMessage", { ...c, text: "" }),
    nowhere: () => api("sendMessage", { chat_id: 1, text: "?" }),
    send_to: async (_, [chat_id]) => (await api("sendMessage", { chat_id, text: "hello" })).text,
  };

  // done says what came of a task: a text, a list, or an error as "<code> <description>".
  const done = async (task, c, args, m) => {
    if (!tasks[task]) return "not available";
    try {
      const result = await tasks[task](c, args, m);
      return Array.isArray(result) ? result.map((item) => item.type ?? item).join(" ") : String(result);
    } catch (error) {
      const { error_code, code = error_code, description = error.message } = error.response ?? error.payload ?? error;
      return `${error.errorCode ?? error.error_code ?? (typeof code === "number" ? code : error.code)} ${error.description ?? description}`;
    }
  };

  const received = ["photo", "document", "location", "contact", "sticker", "voice"];

  const message = async (m) => {
    const c = { chat_id: m.chat.id };
    const text = m.text ?? "";
    const [command, task, ...args] = text.split(" ");
    if (command === "/do") return api("sendMessage", { ...c, text: `${task}: ${await done(task, c, args, m)}` });
    if (command === "/start" && task) return api("sendMessage", { ...c, text: `started with ${task}` });
    if (command === "/photo") return api("sendPhoto", { ...c, photo: picture(), caption: "a photo" });
    if (m.successful_payment) return api("sendMessage", { ...c, text: `paid ${m.successful_payment.total_amount} ${m.successful_payment.currency}` });
    if (m.photo) {
      const file = await api("getFile", { file_id: m.photo.at(-1).file_id });
      return api("sendMessage", { ...c, text: `${(await download(file.file_path)).length} bytes` });
    }
    if (text) return api("sendMessage", { ...c, text, reply_markup: { inline_keyboard: [[{ text: "Shout", callback_data: "shout" }]] } });
    const kind = received.find((field) => m[field]);
    if (kind) return api("sendMessage", { ...c, text: `a ${kind}` });
  };

  const pressed = async ({ id, message: m }) => {
    await api("answerCallbackQuery", { callback_query_id: id, text: "Loud enough?" });
    await api("editMessageText", { chat_id: m.chat.id, message_id: m.message_id, text: m.text.toUpperCase() });
  };

  const asked = ({ id, query }) =>
    api("answerInlineQuery", { inline_query_id: id, results: [{ type: "article", id: "1", title: query, input_message_content: { message_text: query } }] });

  return async (u) => {
    if (u.message) await message(u.message);
    if (u.edited_message) await api("sendMessage", { chat_id: u.edited_message.chat.id, text: `edited: ${u.edited_message.text}` });
    if (u.callback_query) await pressed(u.callback_query);
    if (u.inline_query) await asked(u.inline_query);
    if (u.chosen_inline_result) await api("sendMessage", { chat_id: u.chosen_inline_result.from.id, text: `chose ${u.chosen_inline_result.result_id}` });
    if (u.poll_answer) await api("sendMessage", { chat_id: u.poll_answer.user.id, text: `voted ${u.poll_answer.option_ids}` });
    if (u.message_reaction) await api("sendMessage", { chat_id: u.message_reaction.chat.id, text: `reacted ${u.message_reaction.new_reaction.map((r) => r.emoji)}` });
    if (u.pre_checkout_query) await api("answerPreCheckoutQuery", { pre_checkout_query_id: u.pre_checkout_query.id, ok: true });
    if (u.business_message) {
      const { business_connection_id, chat, text } = u.business_message;
      await api("sendMessage", { business_connection_id, chat_id: chat.id, text: `for the owner: ${text}` });
    }
    if (u.chat_member) await api("sendMessage", { chat_id: u.chat_member.chat.id, text: `${u.chat_member.new_chat_member.user.first_name} is ${u.chat_member.new_chat_member.status}` });
  };
}

// settings are what the test gives: a webhook's URL and secret, or neither for a long poll.
export const settings = { token, apiRoot, url: process.env.TELEGRAM_WEBHOOK_URL, secret: process.env.TELEGRAM_SECRET };

// until resolves when the test ends the bot.
export const until = new Promise((resolve) => process.once("SIGTERM", resolve));

// listen serves requests on the listener that is file 3, until the test ends the bot.
export async function listen(server) {
  await new Promise((resolve) => server.listen({ fd: 3 }, resolve));
  until.then(() => {
    server.close();
    server.closeAllConnections();
  });
}
