// A chat in a list: its title, and its place among the others.

export function chatTitle(chat, bot) {
  return chat?.type === 'private' ? bot?.name || bot?.username || 'Bot' : chat?.title || 'Chat';
}

/** The chats in order: the newest message first. The chat with the bot itself is always there. */
export function ordered(chats, bot, as) {
  const list = [...(chats ?? [])];
  if (!list.some(c => c.type === 'private')) list.push({id: as, type: 'private', title: '', last_message: null, last_seq: 0, member: true});
  return list.sort((a, b) => (b.last_message?.date ?? 0) - (a.last_message?.date ?? 0) || (b.last_message?.message_id ?? 0) - (a.last_message?.message_id ?? 0));
}
