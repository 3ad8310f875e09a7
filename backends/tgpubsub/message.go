package tgpubsub

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"github.com/tghook/tghook"
)

// The attributes of a message. A filter of a subscription can use them.
const (
	botAttribute       = "bot"
	updateAttribute    = "update_id"
	laneAttribute      = "lane"      // of a dead letter; the lane of an update is in its ordering key
	whyAttribute       = "why"       // of a dead letter
	publishedAttribute = "published" // of a dead letter
)

const (
	maxAttribute = 1024 // bytes in the value of an attribute
	maxLane      = 1000 // bytes of a lane in an ordering key, which has at most 1024
)

// updateMessages are updates as they are published. The ordering key of an update is its bot
// and its lane, so that bots do not wait for each other.
func updateMessages(updates []tghook.QueuedUpdate) []*pubsub.Message {
	messages := make([]*pubsub.Message, len(updates))
	for i, u := range updates {
		messages[i] = &pubsub.Message{
			Data:       u.Raw,
			Attributes: map[string]string{botAttribute: decimal(u.Key.Bot), updateAttribute: decimal(u.Key.ID)},
		}
		if u.Lane != "" {
			messages[i].OrderingKey = decimal(u.Key.Bot) + "/" + laneName(u.Lane)
		}
	}
	return messages
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// laneName returns a lane for an ordering key: escaped as in the path of a URL, or its SHA-256 if
// that is too long.
func laneName(lane string) string {
	if name := url.PathEscape(lane); len(name) <= maxLane {
		return name
	}
	sum := sha256.Sum256([]byte(lane))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// laneOf returns the lane with a name.
func laneOf(name string) string {
	if lane, err := url.PathUnescape(name); err == nil {
		return lane
	}
	return name // not from laneName
}

// read reads an update from a message.
func read(m *pubsub.Message) (tghook.QueuedUpdate, error) {
	bot, err := number(m, botAttribute)
	if err != nil {
		return tghook.QueuedUpdate{}, err
	}
	id, err := number(m, updateAttribute)
	if err != nil {
		return tghook.QueuedUpdate{}, err
	}
	return tghook.QueuedUpdate{
		Key:       tghook.Key{Bot: bot, ID: id},
		Lane:      laneOf(strings.TrimPrefix(m.OrderingKey, decimal(bot)+"/")),
		Raw:       m.Data,
		Published: m.PublishTime,
	}, nil
}

func number(m *pubsub.Message, attribute string) (int64, error) {
	text, ok := m.Attributes[attribute]
	if !ok {
		return 0, fmt.Errorf("message %s has no attribute %s, so it was not published by tgpubsub", m.ID, attribute)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("message %s: the attribute %s is %q, which is not a whole number of 64 bits", m.ID, attribute, text)
	}
	return n, nil
}

// letterMessage is a dead letter as it is published. It has no ordering key, because dead
// letters do not wait for each other.
func letterMessage(u tghook.QueuedUpdate, why string) *pubsub.Message {
	return &pubsub.Message{Data: u.Raw, Attributes: map[string]string{
		botAttribute:       decimal(u.Key.Bot),
		updateAttribute:    decimal(u.Key.ID),
		laneAttribute:      laneName(u.Lane),
		whyAttribute:       attribute(why),
		publishedAttribute: u.Published.Format(time.RFC3339Nano),
	}}
}

// foreignLetter is the dead letter of a message that is not an update.
func foreignLetter(m *pubsub.Message, problem error) *pubsub.Message {
	return &pubsub.Message{Data: m.Data, Attributes: map[string]string{whyAttribute: attribute(problem.Error())}}
}

// attribute returns as much of a text as an attribute can have.
func attribute(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxAttribute)], "")
}

// ReadDeadLetter reads a message of Config.DeadLetterTopic. Use it in a program that receives
// from a subscription of that topic. To handle the update again, pass the QueuedUpdate of the
// result to [Queue.Publish], and then acknowledge the message.
func ReadDeadLetter(m *pubsub.Message) (tghook.DeadLetter, error) {
	if m == nil {
		return tghook.DeadLetter{}, errors.New("tgpubsub: ReadDeadLetter: the message is nil")
	}
	u, err := read(m)
	if err != nil {
		return tghook.DeadLetter{}, fmt.Errorf("tgpubsub: ReadDeadLetter: %w", err)
	}
	u.Lane = laneOf(m.Attributes[laneAttribute])
	if u.Published, err = time.Parse(time.RFC3339Nano, m.Attributes[publishedAttribute]); err != nil {
		return tghook.DeadLetter{}, fmt.Errorf("tgpubsub: ReadDeadLetter: message %s: the attribute %s: %w", m.ID, publishedAttribute, err)
	}
	return tghook.DeadLetter{QueuedUpdate: u, Why: m.Attributes[whyAttribute], Buried: m.PublishTime}, nil
}
