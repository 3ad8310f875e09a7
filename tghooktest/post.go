package tghooktest

import (
	"fmt"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Post is a message together with what users and the bot did to it, at one time.
type Post struct {
	*Message
	Deleted   bool
	Edited    bool
	AuthorID  int64 // the user or bot that wrote it; 0 if the Server does not know
	CallID    int64 // the call that sent it, see Call.ID; 0 if a user did
	Reactions []Reaction
	Votes     []Vote  // of a poll
	PaidBy    []int64 // the users who have paid for it
	Form      *Form   // what users enter to pay, if it has an invoice; otherwise nil
}

// Reaction is a reaction of a user, or of the bot.
type Reaction struct {
	UserID        int64
	Type          string // emoji, custom_emoji or paid
	Emoji         string
	CustomEmojiID string
}

// Vote is a user's vote in a poll.
type Vote struct {
	UserID  int64
	Options []int // indexes
}

// Form says what an invoice asks a user for: see [Order].
type Form struct {
	Name, Phone, Email, Address bool
	Shipping                    bool // the bot is asked for shipping options
	MaxTip                      int64
}

func (c *Chat) post(p world.Post) Post {
	post := Post{Message: c.message(p.Seen), Deleted: p.Deleted, Edited: p.Edited, AuthorID: p.Author, CallID: p.Call, PaidBy: p.Paid}
	for _, r := range p.Reactions {
		post.Reactions = append(post.Reactions, Reaction{r.User, r.Type, r.Emoji, r.CustomEmojiID})
	}
	for _, v := range p.Votes {
		post.Votes = append(post.Votes, Vote{v.User, v.Options})
	}
	if p.Form != nil {
		form := Form(*p.Form)
		post.Form = &form
	}
	return post
}

// History returns messages of the chat, the oldest first, with the deleted ones: the first
// ones after an id, or else the last ones before an id, or else the last ones. An id of 0 is
// none. It returns at most limit messages, and whether there are more.
func (c *Chat) History(before, after int64, limit int) (posts []Post, more bool) {
	all, more := c.world().History(c.at(), before, after, max(limit, 0))
	posts = make([]Post, 0, len(all))
	for _, p := range all {
		posts = append(posts, c.post(p))
	}
	return posts, more
}

// Post returns the message with the id, as it is now. If there is none, or if it was deleted,
// the error is ErrNoMessage.
func (c *Chat) Post(id int64) (Post, error) {
	p, err := c.world().Message(c.at(), id)
	if err != nil {
		return Post{}, fmt.Errorf("tghooktest: in %s: %w", c.place, err)
	}
	return c.post(p), nil
}

// Message returns the message with the id, as Post does.
func (c *Chat) Message(id int64) (*Message, error) {
	p, err := c.Post(id)
	return p.Message, err
}

// File returns the file with the file_id, which the bot or a user has sent. Its Content must
// not be changed. Without such a file, the error is ErrNoFile.
func (s *Server) File(fileID string) (File, error) {
	name, contentType, content, err := s.world.Content(fileID)
	if err != nil {
		return File{}, fmt.Errorf("tghooktest: File: %w", err)
	}
	return File{name, contentType, content}, nil
}
