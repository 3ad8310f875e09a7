package tgsqs

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/tghook/tghook"
)

// The attributes of a message that the package sets.
const (
	laneAttribute      = "tghook.lane"      // the lane, if its name cannot be the group
	rawAttribute       = "tghook.raw"       // the bytes of the update, if they cannot be the body
	whyAttribute       = "tghook.why"       // of a dead letter
	publishedAttribute = "tghook.published" // of a dead letter: Unix time in milliseconds
)

// Limits of SQS.
const (
	maxBatch = 10
	maxGroup = 128
	// maxPayload is how many bytes the messages of a batch may have together. AWS allows
	// 1 MiB since August 2025, and allowed 256 KiB before. A larger message goes alone.
	maxPayload = 256 << 10
)

// ownGroup begins the names of groups that are not lanes.
const ownGroup = "~"

// message is an update as SQS keeps it.
type message struct {
	group         string
	deduplication string
	body          string
	attributes    map[string]types.MessageAttributeValue
}

// newMessage makes the message of an update.
func newMessage(u *tghook.QueuedUpdate) message {
	m := message{deduplication: formatKey(u.Key), body: string(u.Raw), attributes: map[string]types.MessageAttributeValue{}}
	switch {
	case u.Lane == "":
		m.group = ownGroup + m.deduplication
	case len(u.Lane) <= maxGroup && isName(u.Lane) && !strings.HasPrefix(u.Lane, ownGroup):
		m.group = u.Lane
	default:
		sum := sha256.Sum256([]byte(u.Lane))
		m.group = ownGroup + base64.RawURLEncoding.EncodeToString(sum[:])
		m.attributes[laneAttribute] = binaryValue([]byte(u.Lane))
	}
	if text, ok := cleanText(m.body); !ok {
		m.body = text
		m.attributes[rawAttribute] = binaryValue(u.Raw)
	}
	return m
}

// size is how many bytes SQS counts.
func (m *message) size() int {
	n := len(m.body)
	for name, v := range m.attributes {
		n += len(name) + len(*v.DataType) + len(aws.ToString(v.StringValue)) + len(v.BinaryValue)
	}
	return n
}

// entry is the message in a batch.
func (m *message) entry(place int) types.SendMessageBatchRequestEntry {
	return types.SendMessageBatchRequestEntry{
		Id:                     aws.String(strconv.Itoa(place)),
		MessageBody:            &m.body,
		MessageGroupId:         &m.group,
		MessageDeduplicationId: &m.deduplication,
		MessageAttributes:      m.attributes,
	}
}

// readUpdate reads a message of SQS. Its key is zero if its sender has not set one.
func readUpdate(m *types.Message) tghook.QueuedUpdate {
	u := tghook.QueuedUpdate{Raw: []byte(aws.ToString(m.Body)), Published: readTime(systemAttribute(m, types.MessageSystemAttributeNameSentTimestamp))}
	u.Key, _ = parseKey(systemAttribute(m, types.MessageSystemAttributeNameMessageDeduplicationId))
	if raw := m.MessageAttributes[rawAttribute].BinaryValue; len(raw) > 0 {
		u.Raw = raw
	}
	group := systemAttribute(m, types.MessageSystemAttributeNameMessageGroupId)
	if lane := m.MessageAttributes[laneAttribute].BinaryValue; len(lane) > 0 {
		u.Lane = string(lane)
	} else if !strings.HasPrefix(group, ownGroup) {
		u.Lane = group
	}
	return u
}

// formatKey makes the MessageDeduplicationId of an update.
func formatKey(k tghook.Key) string {
	return strconv.FormatInt(k.Bot, 10) + ":" + strconv.FormatInt(k.ID, 10)
}

// parseKey reads what formatKey has made. More may follow, after a colon.
func parseKey(id string) (k tghook.Key, ok bool) {
	bot, rest, _ := strings.Cut(id, ":")
	update, _, _ := strings.Cut(rest, ":")
	k.Bot, _ = strconv.ParseInt(bot, 10, 64)
	k.ID, _ = strconv.ParseInt(update, 10, 64)
	if prefix := formatKey(k); id != prefix && !strings.HasPrefix(id, prefix+":") {
		return tghook.Key{}, false
	}
	return k, true
}

func systemAttribute(m *types.Message, name types.MessageSystemAttributeName) string {
	return m.Attributes[string(name)]
}

// readTime reads a Unix time in milliseconds. It is zero if text is none.
func readTime(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func binaryValue(b []byte) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("Binary"), BinaryValue: b}
}

func stringValue(s string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &s}
}

// isName reports whether SQS accepts text as the name of a group: printable ASCII without
// the space.
func isName(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != ""
}

// cleanText replaces the characters that SQS refuses by U+FFFD, as JSON decoders do with bytes
// that are not UTF-8. It reports whether nothing had to be replaced.
func cleanText(text string) (clean string, ok bool) {
	ok = true
	clean = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			ok = false
			return utf8.RuneError
		}
		return r
	}, text)
	return clean, ok && utf8.ValidString(text)
}
