package fakesqs

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits that AWS documents.
const (
	deduplicationWindow = 5 * time.Minute
	longestHidden       = 12 * time.Hour
	mostBytes           = 1 << 20
)

// Value is the value of a message's attribute.
type Value struct {
	DataType    string
	StringValue string `json:",omitempty"`
	BinaryValue []byte `json:",omitempty"`
}

// Message is a message as its receiver sees it.
type Message struct {
	MessageId         string //nolint:revive // SQS's name
	ReceiptHandle     string
	Body              string
	MD5OfBody         string
	Attributes        map[string]string `json:",omitempty"`
	MessageAttributes map[string]Value  `json:",omitempty"`
}

type stored struct {
	Message

	group    string
	received int
	since    time.Time // the last time it was received
	hidden   time.Time // until then
}

// queue is a FIFO queue.
type queue struct {
	settings map[string]string
	sequence int
	messages []*stored // in their order
	recent   map[string]*sent
	attempts map[string]*attempt
	deleted  map[string]bool // handles
}

// sent is what a queue remembers of a message that was sent.
type sent struct {
	at     time.Time
	answer map[string]any
}

// attempt is what a queue remembers of a ReceiveMessage.
type attempt struct {
	at      time.Time
	handles []string
	timeout time.Duration
}

// defaults are the attributes of a queue, as AWS documents them.
var defaults = map[string]string{
	"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue",
	"VisibilityTimeout": "30", "ReceiveMessageWaitTimeSeconds": "0", "MaximumMessageSize": "1048576",
}

func newQueue(settings map[string]string) (*queue, error) {
	all := maps.Clone(defaults)
	for name, value := range settings {
		if _, known := defaults[name]; !known {
			return nil, fmt.Errorf("no attribute %s", name)
		}
		all[name] = value
	}
	return &queue{settings: all, recent: map[string]*sent{}, attempts: map[string]*attempt{}, deleted: map[string]bool{}}, nil
}

func (q *queue) number(setting string) int {
	n, _ := strconv.Atoi(q.settings[setting])
	return n
}

// sending is one entry of SendMessageBatch.
type sending struct {
	entry

	MessageBody, MessageGroupId, MessageDeduplicationId string //nolint:revive // SQS's names
	MessageAttributes                                   map[string]Value
}

func (e *sending) size() int {
	n := len(e.MessageBody)
	for name, v := range e.MessageAttributes {
		n += len(name) + len(v.DataType) + len(v.StringValue) + len(v.BinaryValue)
	}
	return n
}

func (s *Server) sendBatch(body []byte) (any, error) {
	var params struct {
		QueueUrl string //nolint:revive // SQS's name
		Entries  []sending
	}
	q, err := s.parse(body, &params)
	if err != nil {
		return nil, err
	}
	ids, size := make([]string, len(params.Entries)), 0
	for i := range params.Entries {
		ids[i] = params.Entries[i].Id
		size += params.Entries[i].size()
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	if size > mostBytes {
		return nil, &apiError{"BatchRequestTooLong", fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", mostBytes, size)}
	}
	var answer results
	for i := range params.Entries {
		success, err := q.send(s.now(), &params.Entries[i])
		answer.add(ids[i], success, err)
	}
	return answer, nil
}

func (q *queue) send(now time.Time, e *sending) (map[string]any, error) {
	if err := q.check(e); err != nil {
		return nil, err
	}
	key := e.MessageDeduplicationId
	if q.settings["DeduplicationScope"] == "messageGroup" {
		key = e.MessageGroupId + " " + key
	}
	if known := q.recent[key]; known != nil && now.Sub(known.at) < deduplicationWindow {
		again := maps.Clone(known.answer)
		again["MD5OfMessageBody"] = digest(e.MessageBody)
		return again, nil
	}
	q.sequence++
	m := &stored{group: e.MessageGroupId, Message: Message{
		MessageId: rand.Text(), Body: e.MessageBody, MD5OfBody: digest(e.MessageBody), MessageAttributes: e.MessageAttributes,
		Attributes: map[string]string{
			"MessageGroupId": e.MessageGroupId, "MessageDeduplicationId": e.MessageDeduplicationId,
			"SequenceNumber": fmt.Sprintf("%020d", q.sequence), "SentTimestamp": strconv.FormatInt(now.UnixMilli(), 10), "SenderId": "AIDAEXAMPLE",
		},
	}}
	q.messages = append(q.messages, m)
	answer := map[string]any{"MessageId": m.MessageId, "MD5OfMessageBody": m.MD5OfBody, "SequenceNumber": m.Attributes["SequenceNumber"]}
	q.recent[key] = &sent{now, answer}
	return maps.Clone(answer), nil
}

func (q *queue) check(e *sending) error {
	for name, v := range e.MessageAttributes {
		if !isMadeOf(name, 256, isAttributeName) || strings.HasPrefix(name, "AWS.") || strings.HasPrefix(name, "Amazon.") {
			return invalid("attribute name %q", name)
		}
		text := v.DataType == "String" && v.StringValue != "" && v.BinaryValue == nil && strings.IndexFunc(v.StringValue, func(r rune) bool { return !isContent(r) }) < 0
		if binary := v.DataType == "Binary" && len(v.BinaryValue) > 0 && v.StringValue == ""; !text && !binary {
			return invalid("attribute %s: %+v", name, v)
		}
	}
	switch limit := q.number("MaximumMessageSize"); {
	case !isMadeOf(e.MessageGroupId, 128, isToken):
		return invalid("MessageGroupId %q", e.MessageGroupId)
	case !isMadeOf(e.MessageDeduplicationId, 128, isToken):
		return invalid("MessageDeduplicationId %q", e.MessageDeduplicationId)
	case len(e.MessageAttributes) > 10:
		return invalid("%d attributes", len(e.MessageAttributes))
	case e.size() > limit:
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", limit)
	case !isMadeOf(e.MessageBody, limit, isContent):
		return &apiError{"InvalidMessageContents", "Invalid characters found."}
	default:
		return nil
	}
}

// find returns the message that a receipt handle holds.
func (q *queue) find(now time.Time, handle string) *stored {
	for _, m := range q.messages {
		if m.ReceiptHandle == handle && m.hidden.After(now) {
			return m
		}
	}
	return nil
}

func (s *Server) delete(body []byte) (any, error) {
	var params struct{ QueueUrl, ReceiptHandle string } //nolint:revive // SQS's name
	q, err := s.parse(body, &params)
	if err != nil {
		return nil, err
	}
	m := q.find(s.now(), params.ReceiptHandle)
	switch {
	case m != nil:
		q.messages = slices.DeleteFunc(q.messages, func(other *stored) bool { return other == m })
		q.deleted[params.ReceiptHandle] = true
		return struct{}{}, nil
	case q.deleted[params.ReceiptHandle]:
		return struct{}{}, nil
	default:
		return nil, invalid("Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", params.ReceiptHandle)
	}
}

func (s *Server) changeVisibilityBatch(body []byte) (any, error) {
	type change struct {
		entry

		ReceiptHandle     string
		VisibilityTimeout *int
	}
	var params struct {
		QueueUrl string //nolint:revive // SQS's name
		Entries  []change
	}
	q, err := s.parse(body, &params)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(params.Entries))
	for i := range params.Entries {
		ids[i] = params.Entries[i].Id
	}
	if err := checkBatch(ids); err != nil {
		return nil, err
	}
	var answer results
	for i, e := range params.Entries {
		err := invalid("VisibilityTimeout is missing")
		if e.VisibilityTimeout != nil {
			err = q.changeVisibility(s.now(), e.ReceiptHandle, *e.VisibilityTimeout)
		}
		answer.add(ids[i], map[string]any{}, err)
	}
	return answer, nil
}

func (q *queue) changeVisibility(now time.Time, handle string, timeout int) error {
	m, until := q.find(now, handle), now.Add(time.Duration(timeout)*time.Second)
	switch {
	case timeout < 0 || timeout > int(longestHidden.Seconds()):
		return invalid("VisibilityTimeout %d", timeout)
	case m == nil:
		return invalid("Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", handle)
	case until.Sub(m.since) > longestHidden:
		return invalid("Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	}
	m.hidden = until
	for id, a := range q.attempts { // that was changed
		if slices.Contains(a.handles, handle) {
			delete(q.attempts, id)
		}
	}
	return nil
}

func (s *Server) attributes(body []byte) (any, error) {
	var params struct {
		QueueUrl       string //nolint:revive // SQS's name
		AttributeNames []string
	}
	q, err := s.parse(body, &params)
	if err != nil {
		return nil, err
	}
	hidden, now := 0, s.now()
	for _, m := range q.messages {
		if m.hidden.After(now) {
			hidden++
		}
	}
	all := maps.Clone(q.settings)
	all["ApproximateNumberOfMessages"] = strconv.Itoa(len(q.messages) - hidden)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(hidden)
	all["ApproximateNumberOfMessagesDelayed"] = "0"
	answer := map[string]string{}
	for _, name := range params.AttributeNames {
		if _, known := all[name]; !known {
			return nil, &apiError{"InvalidAttributeName", name}
		}
		answer[name] = all[name]
	}
	return map[string]any{"Attributes": answer}, nil
}

func digest(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
