package tglambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tglambda"
)

// message returns a message of a queue. Its id is that of its update.
func message(group string, chat, id int64) events.SQSMessage {
	m := events.SQSMessage{
		MessageId: strconv.FormatInt(id, 10), Body: messageIn(chat, id),
		EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:us-east-2:123456789012:updates",
	}
	if group != "" {
		m.EventSourceARN += ".fifo"
		m.Attributes = map[string]string{"MessageGroupId": group, "SequenceNumber": m.MessageId}
	}
	return m
}

func batch(tb testing.TB, messages ...events.SQSMessage) []byte {
	tb.Helper()
	payload, err := json.Marshal(events.SQSEvent{Records: messages})
	require.NoError(tb, err)
	return payload
}

// failed returns the answer that reports ids as failed.
func failed(ids ...string) string {
	list := make([]string, 0, len(ids))
	for _, id := range ids {
		list = append(list, `{"itemIdentifier":"`+id+`"}`)
	}
	return `{"batchItemFailures":[` + strings.Join(list, ",") + `]}`
}

// runs is a handler that takes a second, and logs when each update was begun. It fails the
// updates in fails.
type runs struct {
	fails []int64

	mu   sync.Mutex
	from time.Time
	log  []string
}

func (r *runs) handle(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	r.mu.Lock()
	r.log = append(r.log, fmt.Sprintf("%d@%v", u.ID, time.Since(r.from)))
	r.mu.Unlock()
	time.Sleep(time.Second)
	if slices.Contains(r.fails, u.ID) {
		return tghook.NoReply, errors.New("no")
	}
	return tghook.NoReply, nil
}

// were lists the runs by their time, and those of one time by their ids.
func (r *runs) were() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.log)
	slices.SortStableFunc(r.log, func(a, b string) int {
		_, a, _ = strings.Cut(a, "@")
		_, b, _ = strings.Cut(b, "@")
		return strings.Compare(a, b)
	})
	return strings.Join(r.log, " ")
}

func TestBatchReturnsOnlyWhatFailed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what     string
		messages []events.SQSMessage
		fails    []int64
		want     string
		runs     string
	}{
		{
			"all of it succeeds",
			[]events.SQSMessage{message("", 41, 1), message("", 42, 2)},
			nil, failed(), "1@0s 2@0s",
		},
		{
			"one chat is handled in order, others meanwhile, and a failure stops nobody",
			[]events.SQSMessage{message("", 41, 1), message("", 41, 2), message("", 42, 3), message("", 41, 4)},
			[]int64{2},
			failed("2"), "1@0s 3@0s 2@1s 4@2s",
		},
		{
			"a group is handled in order, others meanwhile",
			[]events.SQSMessage{message("a", 41, 1), message("a", 42, 2), message("b", 43, 3), message("a", 44, 4)},
			nil, failed(), "1@0s 3@0s 2@1s 4@2s",
		},
		{
			"a failure holds back its group, and no other",
			[]events.SQSMessage{message("a", 41, 1), message("a", 42, 2), message("b", 43, 3), message("a", 44, 4), message("b", 43, 5)},
			[]int64{1},
			failed("1", "2", "4"), "1@0s 3@0s 5@1s",
		},
		{
			"of two failures in a group the second does not run",
			[]events.SQSMessage{message("a", 41, 1), message("a", 41, 2), message("a", 41, 3)},
			[]int64{2, 3},
			failed("2", "3"), "1@0s 2@1s",
		},
		{
			"all of it fails",
			[]events.SQSMessage{message("", 41, 1), message("", 42, 2)},
			[]int64{1, 2},
			failed("1", "2"), "1@0s 2@0s",
		},
		{
			"those without a chat are handled at once",
			[]events.SQSMessage{message("", 0, 1), message("", 0, 2)},
			nil, failed(), "1@0s 2@0s",
		},
		{
			"the same update twice runs once",
			[]events.SQSMessage{message("", 41, 1), message("", 41, 1)},
			nil, failed(), "1@0s",
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				handler := &runs{fails: c.fails, from: time.Now()}
				f := mount(t, tghook.Config{}, handler.handle)
				assert.Equal(t, c.want, invoke(t.Context(), t, f, batch(t, c.messages...)))
				assert.Equal(t, c.runs, handler.were(), "runs")
				time.Sleep(48 * time.Hour)
			})
		})
	}
}

// A fair queue has groups too, but does not promise an order.
func TestGroupOfAStandardQueueIsNoOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := &runs{fails: []int64{1}, from: time.Now()}
		f := mount(t, tghook.Config{}, handler.handle)
		fair := []events.SQSMessage{message("", 41, 1), message("", 42, 2)}
		for i := range fair {
			fair[i].Attributes = map[string]string{"MessageGroupId": "tenant"}
		}
		assert.Equal(t, failed("1"), invoke(t.Context(), t, f, batch(t, fair...)))
		assert.Equal(t, "1@0s 2@0s", handler.were(), "runs")
		time.Sleep(48 * time.Hour)
	})
}

// It is not parallel, because there is only one default logger.
func TestMessageThatIsNoUpdateGoesBackToTheQueue(t *testing.T) {
	var log bytes.Buffer
	previous := slog.Default()
	defer slog.SetDefault(previous)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))

	for _, body := range []string{``, `null`, `no`, `[]`, `{"message":{}}`, `{"update_id":"1"}`, messageIn(41, 1) + `{}`} {
		log.Reset()
		handled := 0
		f := mount(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			handled++
			return tghook.NoReply, nil
		})
		bad, behind, other := message("a", 41, 1), message("a", 41, 2), message("b", 42, 3)
		bad.Body = body
		assert.Equal(t, failed("1", "2"), invoke(t.Context(), t, f, batch(t, bad, behind, other)), body)
		assert.Equal(t, 1, handled, body)
		assert.Contains(t, log.String(), "message_id=1 ", body)
		assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	}
}

func TestMessageWithoutAKindIsADeadLetter(t *testing.T) {
	t.Parallel()
	var letters []int64
	cfg := tghook.Config{Dispatch: tghook.DispatchConfig{DeadLetter: func(_ context.Context, u *tghook.Update, _ error) error {
		letters = append(letters, u.ID)
		return nil
	}}}
	kindless := message("", 0, 1)
	kindless.Body = `{"update_id":1}`
	assert.Equal(t, failed(), invoke(t.Context(), t, mount(t, cfg, nothing), batch(t, kindless)))
	assert.Equal(t, []int64{1}, letters)
}

func TestBatchEndsBeforeTheFunctionsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := &runs{from: time.Now()}
		var causes []error
		f := mount(t, tghook.Config{LateAfter: time.Millisecond}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ChatID != 41 {
				return handler.handle(ctx, u)
			}
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx))
			return tghook.NoReply, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		// An update behind a late one would be begun only to be ended at once.
		got := invoke(ctx, t, f, batch(t, message("", 41, 1), message("", 41, 2), message("", 42, 3)))
		assert.Equal(t, failed("1", "2"), got)
		assert.Equal(t, 2500*time.Millisecond, time.Since(start))
		synctest.Wait()
		require.Len(t, causes, 1)
		require.ErrorIs(t, causes[0], tghook.ErrLate)
		assert.Equal(t, "3@0s", handler.were(), "runs")
		time.Sleep(48 * time.Hour)
	})
}

// calls is a Caller that only logs.
type calls struct {
	mu  sync.Mutex
	log []string
}

func (c *calls) Call(_ context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, method+string(encoded))
	return err
}

func TestReplyToAMessageGoesByCaller(t *testing.T) {
	t.Parallel()
	api := &calls{}
	f := mount(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}},
		answering("sendMessage", map[string]any{"chat_id": 41}))
	for range 2 { // the second is a duplicate
		assert.Equal(t, failed(), invoke(t.Context(), t, f, batch(t, message("", 41, 1))))
	}
	assert.Equal(t, []string{`sendMessage{"chat_id":41}`}, api.log)
}

func TestPanickingHandlerFailsItsMessageAlone(t *testing.T) {
	t.Parallel()
	f := mount(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ChatID == 41 {
			panic("no")
		}
		return tghook.NoReply, nil
	})
	assert.Equal(t, failed("1"), invoke(t.Context(), t, f, batch(t, message("", 41, 1), message("", 42, 2))))
}

func TestGoldenBatchesAreHandled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sqs", "sqs_fifo"} {
		f := mount(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ChatID == 43 {
				return tghook.NoReply, errors.New("no")
			}
			return tghook.NoReply, nil
		})
		if got, want := invoke(t.Context(), t, f, golden(t, name)), failed("059f36b4-87a3-44ab-83d2-661975320002"); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// foul is a context whose Deadline panics or ends its goroutine.
type foul struct {
	context.Context //nolint:containedctx // it is one

	deadline func()
}

func (c foul) Deadline() (time.Time, bool) {
	c.deadline()
	return time.Time{}, false
}

// The queue deletes every message that is not reported.
func TestWhatIsNotHandledIsReportedThoughTheContextIsFaulty(t *testing.T) {
	t.Parallel()
	for name, deadline := range map[string]func(){"panics": func() { panic("broken") }, "exits": runtime.Goexit} {
		hook, err := tghook.New(tghook.HandlerFunc(new(runs).handle), tghook.Config{InsecureNoSecret: true})
		require.NoError(t, err)
		ctx := foul{t.Context(), deadline}
		answer, err := tglambda.Handler(hook).Invoke(ctx, batch(t, message("", 7, 1), message("a", 8, 2), message("a", 8, 3)))
		require.NoError(t, err, name)
		assert.Equal(t, failed("1", "2", "3"), string(answer), name)
	}
}
