package tghooktest

import (
	"time"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// SendVoice sends a voice message. The bot gets a message with voice.
func (c *Chat) SendVoice(duration time.Duration, ogg []byte) *Message {
	c.test().Helper()
	return c.sendMedia(world.Media{Kind: "voice", MIME: "audio/ogg", Duration: duration, Content: ogg})
}

// SendAudio sends music. Its MIME type follows from the extension of its name. The bot gets
// a message with audio.
func (c *Chat) SendAudio(name string, duration time.Duration, mp3 []byte) *Message {
	c.test().Helper()
	return c.sendMedia(world.Media{Kind: "audio", Name: name, Duration: duration, Content: mp3})
}

// SendVideo sends a video. If caption is not empty, the message has it. The bot gets a
// message with video.
func (c *Chat) SendVideo(caption string, duration time.Duration, mp4 []byte) *Message {
	c.test().Helper()
	return c.sendMedia(world.Media{Kind: "video", MIME: "video/mp4", Caption: caption, Duration: duration, Content: mp4})
}

// SendVideoNote sends a round video. The bot gets a message with video_note.
func (c *Chat) SendVideoNote(duration time.Duration, mp4 []byte) *Message {
	c.test().Helper()
	return c.sendMedia(world.Media{Kind: "video_note", MIME: "video/mp4", Duration: duration, Content: mp4})
}

// SendAnimation sends a GIF, or a video without sound. If caption is not empty, the message
// has it. The bot gets a message with animation, and with document for older bots.
func (c *Chat) SendAnimation(caption string, mp4 []byte) *Message {
	c.test().Helper()
	return c.sendMedia(world.Media{Kind: "animation", MIME: "video/mp4", Caption: caption, Duration: time.Second, Content: mp4})
}

// SendSticker sends a sticker that stands for the emoji and belongs to no set. The bot gets
// a message with sticker.
func (c *Chat) SendSticker(emoji string, webp []byte) *Message {
	c.test().Helper()
	return c.sendMedia(world.Media{Kind: "sticker", MIME: "image/webp", Emoji: emoji, Content: webp})
}

// Media is a file that a user sends.
type Media struct {
	// Kind is photo, document, video, animation, audio, voice, video_note or sticker.
	Kind string
	// Name is the name of a document or of audio. MIME, if empty, follows from its extension,
	// or else from the content.
	Name, MIME string
	Caption    string
	Emoji      string // of a sticker
	Duration   time.Duration
	Content    []byte
}

// SendMedia sends a file of any kind, with what the other methods have no parameter for, such
// as the caption of a document.
func (c *Chat) SendMedia(m Media) *Message {
	c.test().Helper()
	return c.sendMedia(world.Media(m))
}

// SendMediaGroup sends two to ten files as an album: photos and videos, or documents, or
// audio. Each file is a message, and all of them have the same media_group_id.
func (c *Chat) SendMediaGroup(media ...Media) []*Message {
	c.test().Helper()
	all := make([]world.Media, 0, len(media))
	for _, m := range media {
		all = append(all, world.Media(m))
	}
	album, err := c.world().SendAlbumOf(c.user.ID, c.at(), all...)
	c.done(err)
	return c.messages(album)
}

// ReplyingTo returns the same chat, in which all that the user sends replies to the message.
//
//	chat.ReplyingTo(question).SendVoice(3*time.Second, ogg)
func (c *Chat) ReplyingTo(m *Message) *Chat {
	tb := c.test()
	tb.Helper()
	key, err := c.world().ReplyingTo(c.at(), c.of(m))
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
		key = -1 // nowhere
	}
	return &Chat{ID: c.ID, user: c.user, key: key, place: c.place}
}

func (c *Chat) sendMedia(m world.Media) *Message {
	c.test().Helper()
	return c.sent(c.world().SendMedia(c.user.ID, c.at(), m))
}

// SendPoll sends a poll whose voters are known. The bot gets a message with poll. As in
// Telegram, it gets no poll and poll_answer for polls of users.
func (c *Chat) SendPoll(question string, options ...string) *Message {
	c.test().Helper()
	return c.sent(c.world().SendPoll(c.user.ID, c.at(), question, options...))
}

// SendDice sends an emoji with a random value: 🎲, 🎯, 🎳, 🏀, ⚽ or 🎰. If emoji is empty, it
// is 🎲. The bot gets a message with dice.
func (c *Chat) SendDice(emoji string) *Message {
	c.test().Helper()
	return c.sent(c.world().SendDice(c.user.ID, c.at(), emoji))
}

// SendVenue sends a place with its name and address, in degrees. The bot gets a message with
// venue and location.
func (c *Chat) SendVenue(title, address string, latitude, longitude float64) *Message {
	c.test().Helper()
	return c.sent(c.world().SendVenue(c.user.ID, c.at(), title, address, latitude, longitude))
}

// Forward forwards a message, which may be from another chat of the user. The bot gets a
// message with forward_origin.
func (c *Chat) Forward(m *Message) *Message {
	tb := c.test()
	tb.Helper()
	if m == nil || m.chat == nil || m.chat.user.server.bot != c.user.server.bot {
		tb.Fatalf("tghooktest: in %s: the message to forward is empty, or another bot's; pass one that an act, Expect or Messages of this bot's Server has returned", c.place)
		return c.message(world.Seen{})
	}
	return c.sent(c.world().Forward(c.user.ID, c.at(), m.chat.at(), m.ID))
}
