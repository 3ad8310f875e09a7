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

// record is what matters of a message in a batch.
type record struct {
	MessageID      string `json:"messageId"`
	Body           string `json:"body"`
	EventSource    string `json:"eventSource"`
	EventSourceARN string `json:"eventSourceARN"`
	Attributes     struct {
		MessageGroupID string `json:"MessageGroupId"`
	} `json:"attributes"`
}

// isOrdered reports whether the message is from a FIFO queue. On others a group
// is for fairness, and is no promise of order.
func (r *record) isOrdered() bool { return strings.HasSuffix(r.EventSourceARN, ".fifo") }

// sequence names the messages that are handled one after the other: those of a
// group, else of a chat, else one record alone.
type sequence struct {
	ordered bool // a failure holds back what is behind it
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

// handle returns which records the queue has to offer again.
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

// inTurn handles messages in their order, and marks those that failed. Each counts as
// failed until it is handled: the user's code may end this goroutine, and the queue would
// delete what is not reported.
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
