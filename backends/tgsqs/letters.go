package tgsqs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/tghook/tghook"
)

const (
	// look is for how long a dead letter is hidden from others that look at them.
	look = 30 * time.Second
	// mostLetters is how many dead letters one call looks at.
	mostLetters = 10_000
)

// newLetter makes the message of a dead letter. Each has another group, because one call gets
// only ten messages of a group.
func newLetter(u *tghook.QueuedUpdate, why, sequence string) message {
	m := newMessage(u)
	if u.Lane != "" {
		m.attributes[laneAttribute] = binaryValue([]byte(u.Lane))
	}
	if text, _ := cleanText(why); text != "" {
		m.attributes[whyAttribute] = stringValue(text)
	}
	if !u.Published.IsZero() {
		m.attributes[publishedAttribute] = stringValue(strconv.FormatInt(u.Published.UnixMilli(), 10))
	}
	m.deduplication += ":" + sequence // an update that was put back may be buried again
	m.group = ownGroup + m.deduplication
	return m
}

// readLetter reads a message of the queue of the dead letters.
func readLetter(m *types.Message) tghook.DeadLetter {
	l := tghook.DeadLetter{QueuedUpdate: readUpdate(m)}
	l.Buried = l.Published
	l.Published = readTime(aws.ToString(m.MessageAttributes[publishedAttribute].StringValue))
	l.Why = aws.ToString(m.MessageAttributes[whyAttribute].StringValue)
	if l.Why == "" {
		l.Why = "SQS has moved the message here, by the redrive policy of a queue"
	}
	return l
}

// State implements [tghook.Letters]. The numbers are SQS's estimates. Oldest and Lanes are not
// set. Amazon CloudWatch has the age of the oldest message (ApproximateAgeOfOldestMessage).
func (q *Queue) State(ctx context.Context, bot int64) (tghook.QueueState, error) {
	visible, hidden, err := q.count(ctx, q.updates.of(bot))
	if err != nil {
		return tghook.QueueState{}, err
	}
	dead, looked, err := q.count(ctx, q.dead.of(bot))
	return tghook.QueueState{Pending: visible + hidden, Leased: hidden, Dead: dead + looked}, err
}

// count counts the messages of a queue.
func (q *Queue) count(ctx context.Context, of queue) (visible, hidden int, err error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &of.url, AttributeNames: []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}})
	if err != nil {
		return 0, 0, of.failed("counting messages", "GetQueueAttributes", err)
	}
	number := func(name types.QueueAttributeName) int {
		n, _ := strconv.Atoi(out.Attributes[string(name)])
		return n
	}
	visible = number(types.QueueAttributeNameApproximateNumberOfMessages) + number(types.QueueAttributeNameApproximateNumberOfMessagesDelayed)
	return visible, number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible), nil
}

// DeadLetters implements [tghook.Letters]. SQS cannot show messages without handing them out.
// So it receives all dead letters, 10,000 at most, and makes them visible again. A message that
// is not an update has the update_id 0.
func (q *Queue) DeadLetters(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
	var letters []tghook.DeadLetter
	err := q.lookAtAll(ctx, bot, func() { letters = nil }, func(m *types.Message) (step, error) {
		l := readLetter(m)
		if l.Key.Bot != bot || l.Key.ID <= after {
			return goOn, nil
		}
		letters = append(letters, l)
		if len(letters) > 2*max(limit, 0) { // bounds the memory
			letters = first(letters, limit)
		}
		return goOn, nil
	})
	if err != nil {
		return nil, err
	}
	return first(letters, limit), nil
}

// first sorts letters by their updates' ids, and returns the first ones.
func first(letters []tghook.DeadLetter, limit int) []tghook.DeadLetter {
	slices.SortFunc(letters, func(a, b tghook.DeadLetter) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
	return letters[:min(len(letters), max(limit, 0))]
}

// PutBack implements [tghook.Letters]. See DeadLetters. If the program is killed while PutBack
// runs, the update may be in both queues.
func (q *Queue) PutBack(ctx context.Context, k tghook.Key) error {
	what := "putting back " + words(k)
	return q.settle(ctx, k, what, func(m *types.Message) error {
		u := readUpdate(m)
		again := newMessage(&u)
		// SQS may still remember the update itself.
		again.deduplication += ":" + systemAttribute(m, types.MessageSystemAttributeNameSequenceNumber)
		return q.sendBatch(ctx, q.updates.of(k.Bot), what, []*message{&again})
	})
}

// Discard implements [tghook.Letters]. See DeadLetters.
func (q *Queue) Discard(ctx context.Context, k tghook.Key) error {
	return q.settle(ctx, k, "discarding "+words(k), func(*types.Message) error { return nil })
}

// settle finds the dead letter with a key, calls f with it, and deletes it.
func (q *Queue) settle(ctx context.Context, k tghook.Key, what string, do func(*types.Message) error) error {
	found, dead := false, q.dead.of(k.Bot)
	err := q.lookAtAll(ctx, k.Bot, func() {}, func(m *types.Message) (step, error) {
		if readLetter(m).Key != k {
			return goOn, nil
		}
		if err := do(m); err != nil {
			return goOn, err
		}
		found = true
		if _, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &dead.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
			return goOn, dead.failed(what, "DeleteMessage", err)
		}
		return deleted, nil
	})
	if err == nil && !found {
		err = fmt.Errorf("tgsqs: %s: %s: %w", what, dead.name, tghook.ErrNoDeadLetter)
	}
	return err
}

// step is what follows the look at a dead letter.
type step int

const (
	goOn    step = iota
	deleted      // the dead letter is gone, and no more are looked at
)

// lookAtAll calls visit for each dead letter of a bot. If another process looks at them at the
// same time, lookAtAll starts again with a call of begin.
func (q *Queue) lookAtAll(ctx context.Context, bot int64, begin func(), visit func(*types.Message) (step, error)) error {
	if q.dead.url == "" {
		return &tghook.ConfigError{Field: "tgsqs.Config.DeadLetterURL", Problem: "it is empty; set it to the URL of the queue of the dead letters"}
	}
	select { // one at a time: two of one process would hide dead letters from each other
	case q.looking <- struct{}{}:
		defer func() { <-q.looking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for began := time.Now(); ; {
		begin()
		complete, err := q.look(ctx, q.dead.of(bot), visit)
		switch {
		case err != nil || complete:
			return err
		case time.Since(began) > look:
			return fmt.Errorf("tgsqs: looking at the dead letters: %s: another process is looking at them too; try again", q.dead.of(bot).name)
		}
		select {
		case <-time.After(rand.N(time.Second)): //nolint:gosec // jitter is no secret
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look receives all dead letters, calls visit for each, and makes them visible again. It reports
// whether visit has seen all of them or has found its own.
func (q *Queue) look(ctx context.Context, dead queue, visit func(*types.Message) (step, error)) (complete bool, err error) {
	var handles []string
	defer func() {
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), look)
		defer cancel()
		if _, failure := q.hide(back, dead, handles, 0); failure != nil {
			err = errors.Join(err, dead.failed("giving back dead letters", "ChangeMessageVisibility", failure))
		}
	}()
	again := false
	for len(handles) < mostLetters {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		messages, err := q.receive(ctx, dead, maxBatch, look, time.Second)
		if err != nil {
			return false, dead.failed("looking at the dead letters", "ReceiveMessage", err)
		}
		if len(messages) == 0 {
			visible, hidden, err := q.count(ctx, dead)
			if err != nil || hidden > len(handles) {
				return false, err
			}
			// Another process may have given some back after they were asked for. But the numbers
			// are estimates, so they are asked for only once more.
			if visible == 0 || again {
				return true, nil
			}
			again = true
			continue
		}
		again = false
		for i := range messages {
			handles = append(handles, aws.ToString(messages[i].ReceiptHandle))
		}
		for i := range messages {
			if next, err := visit(&messages[i]); err != nil || next == deleted {
				return true, err
			}
		}
	}
	return true, nil
}
