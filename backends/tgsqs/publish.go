package tgsqs

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/tghook/tghook"
)

// Publish implements [tghook.Queue]. SQS remembers a Key for five minutes only: see "Twice" in
// the package's documentation.
func (q *Queue) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	what := fmt.Sprintf("publishing %d updates", len(updates))
	if len(updates) == 1 {
		what = "publishing " + words(updates[0].Key)
	}
	messages := map[int64][]*message{} // by bot
	for i := range updates {
		if len(updates[i].Raw) == 0 {
			return fmt.Errorf("tgsqs: publishing %s: QueuedUpdate.Raw is empty, and SQS keeps no empty messages", words(updates[i].Key))
		}
		m := newMessage(&updates[i])
		bot := updates[i].Key.Bot
		messages[bot] = append(messages[bot], &m)
	}
	for bot, rest := range messages {
		for len(rest) > 0 {
			var batch []*message
			batch, rest = nextBatch(rest)
			if err := q.sendBatch(ctx, q.updates.of(bot), what, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextBatch chooses the messages of a batch, and returns the rest. SQS may refuse a message and
// keep a later one of the same batch. So a batch has at most one message of a group.
func nextBatch(messages []*message) (batch, rest []*message) {
	groups := map[string]bool{}
	payload := 0
	for i, m := range messages {
		if len(batch) == maxBatch {
			return batch, append(rest, messages[i:]...)
		}
		if size := m.size(); !groups[m.group] && (len(batch) == 0 || payload+size <= maxPayload) {
			batch = append(batch, m)
			payload += size
		} else {
			rest = append(rest, m)
		}
		groups[m.group] = true // those behind it must wait for it
	}
	return batch, rest
}

// sendBatch sends messages to a queue.
func (q *Queue) sendBatch(ctx context.Context, to queue, what string, batch []*message) error {
	in := &sqs.SendMessageBatchInput{QueueUrl: &to.url}
	for i, m := range batch {
		in.Entries = append(in.Entries, m.entry(i))
	}
	out, err := q.client.SendMessageBatch(ctx, in)
	if err != nil {
		return to.failed(what, "SendMessage", err)
	}
	var errs []error
	for i := range out.Failed {
		if place, err := strconv.Atoi(aws.ToString(out.Failed[i].Id)); err == nil && place >= 0 && place < len(batch) {
			errs = append(errs, to.failed(what, "SendMessage", refused(&out.Failed[i])))
		}
	}
	if len(out.Failed) == 0 && len(out.Successful) != len(batch) {
		errs = append(errs, fmt.Errorf("tgsqs: %s: %s: SQS has answered for %d messages of %d", what, to.name, len(out.Successful), len(batch)))
	}
	return errors.Join(errs...)
}
