package world

import (
	"cmp"
	"maps"
	"slices"
)

// service is the user who sends automatic forwards, with Telegram's id.
var service = User{ID: 777000, FirstName: "Telegram"}

// mirror forwards a post to the channel's discussion group, if it has one, and pins it
// there. w.mu is held.
func (w *World) mirror(post *Message) {
	if post.Chat.Type != "channel" || post.Chat.linked == nil || post.happened() {
		return
	}
	from, ok := w.users[service.ID]
	if !ok {
		copied := service
		from = w.addUser(&copied)
	}
	group := post.Chat.linked
	post.copy = &Message{From: from, SenderChat: post.Chat, Automatic: true, AlbumID: post.AlbumID, Content: post.Content}
	post.copy.cite(post)
	w.write(group, post.copy)
	group.pinned = append(group.pinned, post.copy.ID)
	w.notePins(group)
}

// mirrorEdit edits the automatic forward of a post as the post was edited. w.mu is held.
func (w *World) mirrorEdit(post *Message) {
	m := post.copy
	if m == nil || m.deleted {
		return
	}
	m.Content, m.EditDate = post.Content, post.EditDate
	w.noteMessage("edit", m)
	w.hear(m.Chat, "edited_message", m)
}

// reactionCount is a MessageReactionCountUpdated.
type reactionCount struct {
	Chat      *Chat   `json:"chat"`
	Message   int64   `json:"message_id"`
	Date      int64   `json:"date"`
	Reactions []count `json:"reactions"`
}

// count is a ReactionCount.
type count struct {
	Type  Reaction `json:"type"`
	Total int      `json:"total_count"`
}

// counted returns how many users have reacted to the message, most frequent first.
func (m *Message) counted(now int64) reactionCount {
	totals := map[Reaction]int{}
	for _, chosen := range m.reactions {
		for _, r := range chosen {
			totals[r]++
		}
	}
	counts := make([]count, 0, len(totals))
	for _, r := range slices.SortedFunc(maps.Keys(totals), func(a, b Reaction) int {
		return cmp.Or(totals[b]-totals[a], cmp.Compare(a.Emoji+a.CustomEmojiID, b.Emoji+b.CustomEmojiID))
	}) {
		counts = append(counts, count{r, totals[r]})
	}
	return reactionCount{m.Chat, m.ID, now, counts}
}
