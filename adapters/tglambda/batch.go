package tglambda

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/tghook/tghook"
)

const sqs = "aws:sqs"

// record is a message in a batch, with the fields that the handler needs.
type record struct {
	MessageID      string `json:"messageId"`
	Body           string `json:"body"`
	EventSource    string `json:"eventSource"`
	EventSourceARN string `json:"eventSourceARN"`
	Attributes     struct {
		MessageGroupID string `json:"MessageGroupId"`
	} `json:"attributes"`
}

// isOrdered reports whether the message is from a FIFO queue. On other queues, a group
// serves fairness and does not promise an order.
func (r *record) isOrdered() bool { return strings.HasSuffix(r.EventSourceARN, ".fifo") }

// sequence identifies the messages that are handled one after the other: those of a
// group, else those of a chat, else one record alone.
type sequence struct {
	ordered bool // a failure holds back the messages behind it
	group   string
	chat    int64
	record  int
}

// message is an update, nil if the record holds none, and its place in the batch.
type message struct {
	place  int
	update *tghook.Update
}

// failures is a partial batch response.
type failures struct {
	BatchItemFailures []failure `json:"batchItemFailures"` // present even if empty
}

type failure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

// handle handles the records and returns those that the queue has to send again.
func (h handler) handle(ctx context.Context, records []record) failures {
	sequences := make(map[sequence][]message)
	for i := range records {
		r := &records[i]
		u, err := tghook.ParseUpdate([]byte(r.Body))
		if u == nil {
			slog.ErrorContext(ctx, "tglambda: a message from SQS is no update", "message_id", r.MessageID, "error", err)
		}
		s := sequence{record: i}
		switch {
		case r.isOrdered():
			s = sequence{ordered: true, group: r.Attributes.MessageGroupID}
		case u != nil && u.ChatID != 0:
			s = sequence{chat: u.ChatID}
		}
		sequences[s] = append(sequences[s], message{i, u})
	}

	failed := make([]bool, len(records))
	var running sync.WaitGroup
	for s, messages := range sequences {
		running.Go(func() { h.inTurn(ctx, s.ordered, messages, failed) })
	}
	running.Wait()

	answer := failures{[]failure{}}
	for i, r := range records {
		if failed[i] {
			answer.BatchItemFailures = append(answer.BatchItemFailures, failure{r.MessageID})
		}
	}
	return answer
}

// inTurn handles messages in their order, and marks those that failed. Each is marked as
// failed until it is handled: a user's code may end this goroutine, and the queue deletes
// every message that is not reported.
func (h handler) inTurn(ctx context.Context, ordered bool, messages []message, failed []bool) {
	for _, m := range messages {
		failed[m.place] = true
	}
	for _, m := range messages {
		err := errNoUpdate
		if m.update != nil {
			err = h.hook.Deliver(ctx, m.update)
		}
		if err == nil {
			failed[m.place] = false
			continue
		}
		if ordered || errors.Is(err, tghook.ErrLate) { // no time is left
			return
		}
	}
}

var errNoUpdate = errors.New("no update")
