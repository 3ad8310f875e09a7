package fakesqs

import (
	"crypto/rand"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// receiving is the parameters of ReceiveMessage. Numbers that are left out are the queue's.
type receiving struct {
	QueueUrl                                                           string //nolint:revive // SQS's name
	MaxNumberOfMessages, VisibilityTimeout, WaitTimeSeconds            *int
	ReceiveRequestAttemptId                                            string //nolint:revive // SQS's name
	AttributeNames, MessageAttributeNames, MessageSystemAttributeNames []string
}

// systemAttributes are the names that AWS documents.
var systemAttributes = []string{
	"All", "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber",
	"MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn",
}

func (p *receiving) check(q *queue) (limit int, timeout, wait time.Duration, err error) {
	number := func(given *int, other, least, most int, name string) int {
		if given == nil {
			given = &other
		}
		if *given < least || *given > most {
			err = invalid("%s %d", name, *given)
		}
		return *given
	}
	limit = number(p.MaxNumberOfMessages, 1, 1, 10, "MaxNumberOfMessages")
	hidden := number(p.VisibilityTimeout, q.number("VisibilityTimeout"), 0, int(longestHidden.Seconds()), "VisibilityTimeout")
	seconds := number(p.WaitTimeSeconds, q.number("ReceiveMessageWaitTimeSeconds"), 0, 20, "WaitTimeSeconds")
	for _, name := range slices.Concat(p.AttributeNames, p.MessageSystemAttributeNames) {
		if !slices.Contains(systemAttributes, name) {
			err = &apiError{"InvalidAttributeName", name}
		}
	}
	for _, name := range p.MessageAttributeNames {
		if !isMadeOf(strings.TrimSuffix(name, ".*"), 256, isAttributeName) {
			err = invalid("MessageAttributeNames %q", name)
		}
	}
	if p.ReceiveRequestAttemptId != "" && !isMadeOf(p.ReceiveRequestAttemptId, 128, isToken) {
		err = invalid("ReceiveRequestAttemptId %q", p.ReceiveRequestAttemptId)
	}
	return limit, time.Duration(hidden) * time.Second, time.Duration(seconds) * time.Second, err
}

// receive waits for messages, also when the client has gone: SQS does not promise to notice.
func (s *Server) receive(body []byte) (any, error) {
	var p receiving
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.parse(body, &p)
	if err != nil {
		return nil, err
	}
	limit, timeout, wait, err := p.check(q)
	if err != nil {
		return nil, err
	}
	began := s.http
	for end := s.now().Add(wait); ; {
		if s.http != began { // Stop has ended it
			return nil, &apiError{"ServiceUnavailable", "stopped"}
		}
		messages, next := q.receive(s.now(), p.ReceiveRequestAttemptId, limit, timeout)
		left := end.Sub(s.now())
		if len(messages) > 0 || left <= 0 {
			return map[string]any{"Messages": p.show(messages)}, nil
		}
		if !next.IsZero() {
			left = min(left, next.Sub(s.now()))
		}
		s.sleep(left)
	}
}

// sleep waits until something has changed, or for d.
func (s *Server) sleep(d time.Duration) {
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

// receive returns messages that are visible, in the order of their groups. Otherwise it
// returns when the next one becomes visible.
func (q *queue) receive(now time.Time, attemptID string, limit int, timeout time.Duration) (got []*stored, next time.Time) {
	if again := q.repeat(now, attemptID); len(again) > 0 {
		return again, next
	}
	byGroup, order := map[string][]*stored{}, []string{}
	for _, m := range q.messages {
		if byGroup[m.group] == nil {
			order = append(order, m.group)
		}
		byGroup[m.group] = append(byGroup[m.group], m)
	}
	for _, group := range order {
		for _, m := range byGroup[group] {
			if m.hidden.After(now) { // those behind it must wait
				if next.IsZero() || m.hidden.Before(next) {
					next = m.hidden
				}
				break
			}
			if len(got) < limit {
				got = append(got, m)
			}
		}
	}
	handles := make([]string, len(got))
	for i, m := range got {
		handles[i] = "AQEB" + rand.Text()
		m.ReceiptHandle, m.since, m.hidden = handles[i], now, now.Add(timeout)
		m.received++
		m.Attributes["ApproximateReceiveCount"] = strconv.Itoa(m.received)
		if m.received == 1 {
			m.Attributes["ApproximateFirstReceiveTimestamp"] = strconv.FormatInt(now.UnixMilli(), 10)
		}
	}
	if attemptID != "" && len(got) > 0 {
		q.attempts[attemptID] = &attempt{now, handles, timeout}
	}
	return got, next
}

// repeat returns the messages of an attempt that was made before.
func (q *queue) repeat(now time.Time, attemptID string) (again []*stored) {
	a := q.attempts[attemptID]
	if a == nil || now.Sub(a.at) > deduplicationWindow {
		return nil
	}
	for _, handle := range a.handles {
		m := q.find(now, handle)
		if m == nil { // deleted, or its timeout has run out
			return nil
		}
		m.hidden = now.Add(a.timeout)
		again = append(again, m)
	}
	return again
}

// show returns messages with the attributes that were asked for.
func (p *receiving) show(messages []*stored) []Message {
	shown := make([]Message, len(messages))
	for i, m := range messages {
		shown[i] = m.Message
		shown[i].Attributes = maps.Clone(m.Attributes)
		maps.DeleteFunc(shown[i].Attributes, func(name, _ string) bool {
			return !slices.Contains(p.MessageSystemAttributeNames, name) && !slices.Contains(p.MessageSystemAttributeNames, "All")
		})
		shown[i].MessageAttributes = maps.Clone(m.MessageAttributes)
		maps.DeleteFunc(shown[i].MessageAttributes, func(name string, _ Value) bool { return !slices.Contains(p.MessageAttributeNames, name) })
	}
	return shown
}
