// Messages that tell what happened in a chat, as sentences.
import {money, userName, kindOf, count} from './format.js';

const names = users => (users ?? []).map(userName).join(', ');

const sentences = {
  new_chat_members: (m, who) => m.new_chat_members.length === 1 && m.new_chat_members[0].id === m.from?.id
    ? `${who} joined the group` : `${who} added ${names(m.new_chat_members)}`,
  left_chat_member: (m, who) => m.left_chat_member.id === m.from?.id ? `${who} left the group` : `${who} removed ${userName(m.left_chat_member)}`,
  new_chat_title: (m, who) => `${who} changed the title to “${m.new_chat_title}”`,
  new_chat_photo: (m, who) => `${who} changed the photo`,
  delete_chat_photo: (m, who) => `${who} removed the photo`,
  group_chat_created: (m, who) => `${who} made the group`,
  supergroup_chat_created: (m, who) => `${who} made the group`,
  channel_chat_created: () => 'Channel made',
  migrate_to_chat_id: m => `The group became a supergroup: its id is now ${m.migrate_to_chat_id}`,
  migrate_from_chat_id: m => `The group became a supergroup: its id was ${m.migrate_from_chat_id}`,
  pinned_message: (m, who) => `${who} pinned “${summary(m.pinned_message)}”`,
  successful_payment: m => `You paid ${money(m.successful_payment.total_amount, m.successful_payment.currency)}`,
  refunded_payment: m => `${money(m.refunded_payment.total_amount, m.refunded_payment.currency)} came back`,
  users_shared: (m, who) => `${who} shared ${count(m.users_shared.users?.length ?? m.users_shared.user_ids?.length ?? 1, 'user')} with the bot`,
  chat_shared: (m, who) => `${who} shared the chat ${m.chat_shared.title ?? m.chat_shared.chat_id} with the bot`,
  write_access_allowed: (m, who) => `${who} allowed the bot to write`,
  web_app_data: m => `Data from “${m.web_app_data.button_text}”: ${m.web_app_data.data}`,
  forum_topic_created: (m, who) => `${who} made the topic “${m.forum_topic_created.name}”`,
  forum_topic_edited: (m, who) => `${who} changed the topic${m.forum_topic_edited.name ? ` to “${m.forum_topic_edited.name}”` : ''}`,
  forum_topic_closed: (m, who) => `${who} closed the topic`,
  forum_topic_reopened: (m, who) => `${who} opened the topic again`,
  general_forum_topic_hidden: (m, who) => `${who} hid the General topic`,
  general_forum_topic_unhidden: (m, who) => `${who} showed the General topic`,
  boost_added: (m, who) => `${who} boosted the group`,
  message_auto_delete_timer_changed: (m, who) => `${who} set messages to be deleted after ${m.message_auto_delete_timer_changed.message_auto_delete_time} s`,
  video_chat_scheduled: () => 'A video chat was scheduled',
  video_chat_started: (m, who) => `${who} started a video chat`,
  video_chat_ended: () => 'The video chat ended',
  chat_background_set: (m, who) => `${who} changed the background`,
  proximity_alert_triggered: m => `${userName(m.proximity_alert_triggered.traveler)} is near`,
  connected_website: m => `You logged in on ${m.connected_website}`,
};

/** The sentence of a service message, or null for any other message. */
export function serviceText(m) {
  for (const key of Object.keys(sentences)) {
    if (m[key] === undefined) continue;
    try {
      return sentences[key](m, userName(m.from ?? m.sender_chat ?? m.chat) || 'Somebody');
    } catch {
      return kindOf(key);
    }
  }
  return null;
}

const contents = {
  photo: () => '🖼 Photo', video: () => '📹 Video', animation: () => 'GIF', audio: m => `🎵 ${m.audio.title ?? m.audio.file_name ?? 'Audio'}`,
  voice: () => '🎤 Voice message', video_note: () => '📹 Video message', sticker: m => `${m.sticker.emoji ?? ''} Sticker`.trim(),
  document: m => `📎 ${m.document.file_name ?? 'File'}`, venue: m => `📍 ${m.venue.title}`, location: m => m.location.live_period ? '📍 Live location' : '📍 Location',
  contact: m => `👤 ${userName(m.contact)}`, poll: m => `📊 ${m.poll.question}`, dice: m => `${m.dice.emoji} ${m.dice.value}`,
  invoice: m => `💳 ${m.invoice.title}`, game: m => `🎮 ${m.game.title}`, paid_media: () => '⭐ Paid media', checklist: m => `☑ ${m.checklist.title}`, story: () => 'Story',
};

/** One line that says what a message holds. */
export function summary(m) {
  if (!m) return '';
  if (m.x?.deleted) return 'Deleted message';
  const service = serviceText(m);
  if (service) return service;
  for (const key of Object.keys(contents)) {
    if (m[key] === undefined) continue;
    const head = contents[key](m);
    return m.caption ? `${head.split(' ')[0]} ${m.caption}` : head;
  }
  return m.text ?? m.caption ?? '';
}
