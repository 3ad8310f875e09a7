package world

import (
	"errors"
	"fmt"
)

// Forum returns the supergroup with topics that was made with that title, and makes it if
// there is none.
func (w *World) Forum(title string) *Chat {
	c := w.community("forum", title, "supergroup")
	w.mu.Lock()
	defer w.mu.Unlock()
	c.IsForum = true
	return c
}

// OpenTopic makes a topic by an act of a user, and returns its key. It makes a message
// with forum_topic_created.
func (w *World) OpenTopic(user, chat int64, name string) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	name = clean(name)
	switch {
	case err != nil:
		return 0, err
	case !c.IsForum:
		return 0, fmt.Errorf("%q has no topics; make it with Server.Forum", c.Title)
	case name == "":
		return 0, errors.New("the topic's name is empty; pass one")
	case !c.permits(c.members[user], "can_manage_topics"):
		return 0, fmt.Errorf("%s may not make topics in %q, because the bot has forbidden it", u.name(), c.Title)
	}
	return w.key(c, w.open(c, &Topic{Name: name, Color: defaultColor, creator: u}).ID), nil
}

// Topic returns the key of the newest topic with the name; 0 if there is none.
func (w *World) Topic(chat int64, name string) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chatOrEmpty(chat)
	var newest *Topic
	for _, t := range c.topics {
		if t.Name == name && t.ID != general && (newest == nil || t.ID > newest.ID) {
			newest = t
		}
	}
	if newest == nil {
		return 0
	}
	return w.key(c, newest.ID)
}

// CloseTopic closes or reopens a topic by an act of a user. It makes a message with
// forum_topic_closed or forum_topic_reopened.
func (w *World) CloseTopic(user, topic int64, closed bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, t, err := w.manager(user, topic, "can_manage_topics")
	if err != nil {
		return err
	}
	if err := w.closeTopic(c, t, u, closed); err != nil {
		return fmt.Errorf("the topic %q is %s already", t.Name, map[bool]string{true: "closed", false: "open"}[closed])
	}
	w.noteChat(c)
	w.change()
	return nil
}

// DeleteTopic deletes a topic and its messages by an act of a user. The bot is not told.
func (w *World) DeleteTopic(user, topic int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, c, t, err := w.manager(user, topic, "can_delete_messages")
	if err == nil {
		w.dropTopic(c, t)
	}
	return err
}

// manager returns the topic with the key, if the user made it, or is an administrator with the
// right. w.mu is held.
func (w *World) manager(user, topic int64, right string) (*User, *Chat, *Topic, error) {
	u, c, err := w.party(user, topic)
	if err != nil {
		return nil, nil, nil, err
	}
	t := c.topics[w.parts[topic].thread]
	switch {
	case t == nil:
		return nil, nil, nil, errors.New("there is no such topic; it may have been deleted")
	case t.creator != u && !c.allows(c.members[user], right):
		return nil, nil, nil, fmt.Errorf("%s did not make the topic %q, and is no administrator with %s", u.name(), t.Name, right)
	}
	return u, c, t, nil
}

// enterPart puts a user's message into the thread of the part of the chat where they write,
// and lets it reply to the part's message.
// w.mu is held.
func (w *World) enterPart(u *User, part int64, m *Message) error {
	c, thread, reply := w.chats[part], w.parts[part].thread, w.parts[part].reply
	if to := c.message(reply); to != nil {
		m.ReplyTo = to.told()
	} else if reply != 0 {
		return missingf(ErrNoMessage, "there is no message %d to reply to", reply)
	}
	t := c.topics[thread]
	switch {
	case thread == 0:
		c.follow(m)
		t = c.topics[general]
	case c.message(thread) == nil:
		return errors.New("the topic was deleted; make another one")
	default:
		c.putIn(m, thread)
	}
	if t != nil && t.closed && t.creator != u && !c.allows(c.members[u.ID], "can_manage_topics") {
		return fmt.Errorf("%s may not write in the topic %q, because it is closed", u.name(), t.Name)
	}
	return nil
}
