package demo

import (
	"context"
	"strings"
	"time"
)

const answer = "A language model does not know its answer before it has written it. A bot can show each word as it comes: " +
	"it sends drafts, which replace one another, and in the end the message. While it writes, you can press Stop."

// pace is the time between two words.
const pace = 120 * time.Millisecond

// stream writes an answer bit by bit, as bots with a language model do. Stop ends it.
func (b *bot) stream(ctx context.Context, m message) error {
	if m.Chat.Type != "private" {
		return b.say(ctx, m.Chat.ID, "Drafts exist in private chats alone.")
	}
	writing, stop := context.WithCancel(ctx)
	defer stop()
	b.mu.Lock()
	b.writing[m.Chat.ID] = stop
	b.mu.Unlock()
	defer b.stopWriting(m.Chat.ID)

	words := strings.Fields(answer)
	for n := range words {
		err := b.client.Call(ctx, "sendMessageDraft", params{
			"chat_id": m.Chat.ID, "draft_id": m.ID + 1, "can_stop": true, "keep_on_stop": true, "text": strings.Join(words[:n+1], " "),
		}, nil)
		if err != nil {
			return err
		}
		select {
		case <-writing.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return b.say(ctx, m.Chat.ID, escape(strings.Join(words[:n+1], " "))+" … <i>stopped</i>")
		case <-time.After(pace):
		}
	}
	return b.say(ctx, m.Chat.ID, escape(answer))
}

// stopWriting ends the answer that is written in a chat.
func (b *bot) stopWriting(chat int64) {
	b.mu.Lock()
	stop := b.writing[chat]
	delete(b.writing, chat)
	b.mu.Unlock()
	if stop != nil {
		stop()
	}
}
