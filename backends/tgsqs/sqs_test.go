package tgsqs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqs"
	"github.com/tghook/tghook/internal/test/fakesqs"
	"github.com/tghook/tghook/internal/test/memstore"
)

const bot = 5

// open makes a service with the two queues of a bot, and a Queue on them.
func open(t *testing.T, attributes map[string]string) (*fakesqs.Server, *tgsqs.Queue) {
	t.Helper()
	server := fakesqs.New(t)
	return server, newQueue(t, server.URL, tgsqs.Config{URL: server.Queue("updates.fifo", attributes), DeadLetterURL: server.Queue("dead.fifo", nil)})
}

func update(id int64, lane string) tghook.QueuedUpdate {
	return tghook.QueuedUpdate{Key: tghook.Key{Bot: bot, ID: id}, Lane: lane, Raw: fmt.Appendf(nil, `{"update_id":%d,"message":{"chat":{"id":7}}}`, id)}
}

func take(t *testing.T, q *tgsqs.Queue, lease time.Duration) []tghook.QueuedUpdate {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	taken, err := q.Take(ctx, bot, 10, lease)
	require.NoError(t, err)
	return taken
}

func ids(updates []tghook.QueuedUpdate) (ids []int64) {
	for _, u := range updates {
		ids = append(ids, u.Key.ID)
	}
	return ids
}

// tglambda and the AWS console read these fields.
func TestTheMessageOfAnUpdate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 129)
	for _, c := range []struct {
		lane, group string
		named       bool
	}{
		{"chat:7", "chat:7", false},
		{"", "~5:1", false},
		{strings.Repeat("x", 128), strings.Repeat("x", 128), false},
		{long, "", true},
		{"name:Zoë", "", true},
		{"two words", "", true},
		{"~5:1", "", true},
		{"~", "", true},
	} {
		server, q := open(t, nil)
		require.NoError(t, q.Publish(t.Context(), update(1, c.lane)))
		m := server.Messages("updates.fifo")[0]
		require.Equal(t, `{"update_id":1,"message":{"chat":{"id":7}}}`, m.Body)
		require.Equal(t, "5:1", m.Attributes["MessageDeduplicationId"])
		if c.named {
			require.Len(t, m.Attributes["MessageGroupId"], 44, "~ and a hash")
			require.Equal(t, map[string]fakesqs.Value{"tghook.lane": {DataType: "Binary", BinaryValue: []byte(c.lane)}}, m.MessageAttributes)
		} else {
			require.Equal(t, c.group, m.Attributes["MessageGroupId"])
			require.Empty(t, m.MessageAttributes)
		}
		taken := take(t, q, time.Minute)
		require.Len(t, taken, 1)
		require.Equal(t, c.lane, taken[0].Lane)
		require.JSONEq(t, m.Body, string(taken[0].Raw))
		require.WithinDuration(t, time.Now(), taken[0].Published, time.Minute)
	}
}

func TestTheBodyOfBytesThatAreNotText(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	for raw, body := range map[string]string{"{\"d\":\"\xff\xfe\"}": "{\"d\":\"\ufffd\ufffd\"}", "{\"d\":\"\uffff\"}": "{\"d\":\"\ufffd\"}", "{\"d\":\"\ufffd\"}": "{\"d\":\"\ufffd\"}"} {
		u := update(1, "chat:7")
		u.Key.ID = int64(len(raw)) + int64(raw[len(raw)-3])
		u.Raw = []byte(raw)
		require.NoError(t, q.Publish(t.Context(), u))
		messages := server.Messages("updates.fifo")
		m := messages[len(messages)-1]
		require.Equal(t, body, m.Body)
		require.Equal(t, raw != body, m.MessageAttributes["tghook.raw"].BinaryValue != nil)
		taken := take(t, q, time.Minute)
		require.Len(t, taken, 1)
		require.Equal(t, raw, string(taken[0].Raw))
		require.NoError(t, q.Done(t.Context(), taken[0]))
	}
}

// SQS forgets an update after five minutes. Telegram may deliver it again for a day.
func TestAnUpdateThatIsPublishedAgainAfterSixMinutes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		store tghook.Store
		again []int64
	}{{"without a Store", nil, []int64{1}}, {"with a Store", memstore.New(), nil}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, q := open(t, nil)
			cfg := tghook.DispatchConfig{Bot: bot, Store: c.store}
			publisher, err := tghook.NewPublisher(q, cfg)
			require.NoError(t, err)
			publish := func(id int64) {
				t.Helper()
				u, err := tghook.ParseUpdate(update(id, "").Raw)
				require.NoError(t, err)
				_, err = publisher.HandleUpdate(t.Context(), u)
				require.NoError(t, err)
			}
			handled := make(chan int64, 10)
			consume := func(want ...int64) { // in a process that knows nothing
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() {
					ended <- tghook.Consume(ctx, q, tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
						handled <- u.ID
						return tghook.NoReply, nil
					}), tghook.ConsumeConfig{Dispatch: cfg})
				}()
				for _, id := range want {
					require.Equal(t, id, await(t, handled))
				}
				require.Eventually(t, func() bool { return len(server.Messages("updates.fifo")) == 0 }, time.Minute, time.Millisecond)
				cancel()
				require.NoError(t, await(t, ended))
				require.Empty(t, handled)
			}
			publish(1)
			consume(1)
			publish(1) // SQS itself knows it
			require.Empty(t, server.Messages("updates.fifo"))
			server.Advance(6 * time.Minute)
			publish(1)
			require.Len(t, server.Messages("updates.fifo"), 1)
			consume(c.again...)
		})
	}
}

func await[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(time.Minute):
		t.Fatal("nothing came within a minute")
	}
	return v
}

// A batch has at most one update of a lane, ten in all, and 256 KiB.
func TestBatches(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	updates := make([]tghook.QueuedUpdate, 0, 15)
	updates = append(updates, update(1, "chat:7"), update(2, "chat:7"), update(3, "chat:8"))
	for i := range 10 {
		updates = append(updates, update(int64(i)+10, ""))
	}
	large := update(20, "chat:9")
	large.Raw = fmt.Appendf(nil, `{"update_id":20,"text":"%s"}`, strings.Repeat("x", 200<<10))
	larger := large
	larger.Key.ID, larger.Lane = 21, "chat:10"
	require.NoError(t, q.Publish(t.Context(), append(updates, large, larger)...))
	calls := server.Calls("SendMessageBatch")
	sent := make([][]string, len(calls))
	for i, call := range calls {
		var batch struct {
			Entries []struct {
				Key string `json:"MessageDeduplicationId"`
			} `json:"Entries"`
		}
		require.NoError(t, json.Unmarshal(call.Body, &batch))
		for _, e := range batch.Entries {
			sent[i] = append(sent[i], strings.TrimPrefix(e.Key, "5:"))
		}
	}
	require.Equal(t, [][]string{{"1", "3", "10", "11", "12", "13", "14", "15", "16", "17"}, {"2", "18", "19", "20"}, {"21"}}, sent)
}

func TestAnUpdateThatIsTooLargeForTheQueue(t *testing.T) {
	t.Parallel()
	server, q := open(t, map[string]string{"MaximumMessageSize": "262144"})
	large := update(1, "chat:7")
	large.Raw = fmt.Appendf(nil, `{"update_id":1,"text":"%s"}`, strings.Repeat("x", 300<<10))
	err := q.Publish(t.Context(), large, update(2, "chat:7"), update(3, "chat:8"))
	require.ErrorContains(t, err, "tgsqs: publishing 3 updates: updates.fifo at sqs.us-east-2.amazonaws.com: the update is too large; set the queue's attribute MaximumMessageSize to 1048576")
	require.Empty(t, server.Messages("updates.fifo"), "what stands behind it in its lane, or in a later batch, is not kept")
	require.ErrorContains(t, q.Publish(t.Context(), tghook.QueuedUpdate{Key: tghook.Key{Bot: bot, ID: 1}}), "QueuedUpdate.Raw is empty")
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for code, advice := range map[string]string{
		"AccessDeniedException": "allow sqs:SendMessage on this queue for the role of the program",
		"RequestThrottled":      "set its attributes DeduplicationScope to messageGroup",
		"KmsAccessDenied":       "allow kms:Decrypt and kms:GenerateDataKey",
		"QueueDoesNotExist":     "there is no such queue; check tgsqs.Config.URL, and the region of the client",
		"InternalFailure":       "updates.fifo at sqs.us-east-2.amazonaws.com: operation error",
	} {
		server, q := open(t, nil)
		for range 5 { // the client tries again
			server.Refuse("SendMessageBatch", code)
		}
		err := q.Publish(t.Context(), update(1, "chat:7"))
		require.ErrorContains(t, err, advice)
		require.ErrorContains(t, err, "tgsqs: publishing update 1 of bot 5: updates.fifo at")
		require.NotContains(t, err.Error(), fakesqs.Account)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	const url = "https://sqs.us-east-2.amazonaws.com/123456789012/updates.fifo"
	client := newClient("http://127.0.0.1:1", nil)
	for _, c := range []struct {
		client *sqs.Client
		cfg    tgsqs.Config
		want   string
	}{
		{nil, tgsqs.Config{URL: url}, "tghook: tgsqs.New: the client is nil"},
		{client, tgsqs.Config{}, "tghook: tgsqs.Config.URL: it is empty"},
		{client, tgsqs.Config{URL: "updates.fifo"}, "tghook: tgsqs.Config.URL: it is not the URL of a queue"},
		{client, tgsqs.Config{URL: "https://sqs.us-east-2.amazonaws.com/"}, "it is not the URL of a queue"},
		{client, tgsqs.Config{URL: "https://user:password@sqs.us-east-2.amazonaws.com/1/updates.fifo"}, "it is not the URL of a queue"},
		{client, tgsqs.Config{URL: "https://sqs.us-east-2.amazonaws.com/1/updates"}, "the queue updates is not a FIFO queue"},
		{client, tgsqs.Config{URL: url, DeadLetterURL: url}, "tghook: tgsqs.Config.DeadLetterURL: it is also Config.URL"},
		{client, tgsqs.Config{URL: "x", DeadLetterURL: "y"}, "tghook: tgsqs.Config.DeadLetterURL: it is not the URL of a queue"},
	} {
		q, err := tgsqs.New(c.client, c.cfg)
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "password")
		require.Nil(t, q)
	}
	q, err := tgsqs.New(client, tgsqs.Config{URL: url})
	require.NoError(t, err, "a publisher needs no dead letters")
	_, err = q.Take(t.Context(), bot, 1, time.Minute)
	require.ErrorContains(t, err, "tghook: tgsqs.Config.DeadLetterURL: it is empty")
	_, err = q.DeadLetters(t.Context(), bot, 0, 1)
	require.ErrorContains(t, err, "tghook: tgsqs.Config.DeadLetterURL: it is empty")
	for _, err := range []error{
		q.Done(t.Context(), update(1, "")), q.Fail(t.Context(), update(1, ""), nil), q.Bury(t.Context(), update(1, ""), "why"), q.Return(t.Context(), []tghook.QueuedUpdate{update(1, "")}),
	} {
		require.ErrorContains(t, err, "tgsqs: update 1 of bot 5 has no receipt of SQS")
	}
}

// The client asks again by the same ReceiveRequestAttemptId, and SQS gives the same answer.
func TestTakeWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:7"), update(2, "chat:8")))
	server.LoseAnswer("ReceiveMessage")
	taken := take(t, q, time.Hour)
	require.Equal(t, []int64{1, 2}, ids(taken))
	require.Zero(t, taken[0].Attempts, "SQS counts one")
	for _, u := range taken {
		require.NoError(t, q.Done(t.Context(), u))
	}
}

// SQS gives a message to a request that still waits when its caller has gone.
func TestWhatComesAtTheEndOfTakeIsGivenBack(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan []tghook.QueuedUpdate, 1)
	go func() {
		taken, err := q.Take(ctx, bot, 10, time.Hour)
		if err != nil {
			t.Error(err)
		}
		ended <- taken
	}()
	require.Eventually(t, func() bool { return len(server.Calls("ReceiveMessage")) == 1 }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:7")))
	require.Empty(t, await(t, ended))
	require.Equal(t, []int64{1}, ids(take(t, q, time.Hour)))
}

// If SQS hands out the first of several again, the others must not run before it.
func TestThoseBehindALostLeaseAreLostToo(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:7"), update(2, "chat:7"), update(3, "chat:7"), update(4, "chat:8")))
	held := take(t, q, 10*time.Minute)
	require.Equal(t, []int64{1, 2, 3, 4}, ids(held))
	lost, err := q.Renew(t.Context(), []tghook.QueuedUpdate{held[0], held[2], held[3]}, time.Hour)
	require.NoError(t, err)
	require.Empty(t, lost)
	server.Advance(20 * time.Minute)
	lost, err = q.Renew(t.Context(), held, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []tghook.Key{held[1].Key, held[2].Key}, lost, "2 has run out, and 3 is behind it")
	require.NoError(t, q.Done(t.Context(), held[0]))
	require.ErrorIs(t, q.Done(t.Context(), held[1]), tghook.ErrClaimLost)
	require.ErrorIs(t, q.Done(t.Context(), held[2]), tghook.ErrClaimLost)
	require.ErrorIs(t, q.Fail(t.Context(), held[2], nil), tghook.ErrClaimLost)
	require.ErrorIs(t, q.Bury(t.Context(), held[2], "why"), tghook.ErrClaimLost)
	require.NoError(t, q.Done(t.Context(), held[3]))
	again := take(t, q, time.Hour)
	require.Equal(t, []int64{2}, ids(again), "SQS still holds 3 back")
	require.Equal(t, 1, again[0].Attempts)
}

func TestALeaseOfTwelveHoursIsLost(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:7")))
	held := take(t, q, 11*time.Hour)
	server.Advance(11*time.Hour - 10*time.Minute)
	lost, err := q.Renew(t.Context(), held, 30*time.Minute)
	require.NoError(t, err)
	require.Empty(t, lost)
	lost, err = q.Renew(t.Context(), held, 2*time.Hour)
	require.NoError(t, err)
	require.Equal(t, []tghook.Key{held[0].Key}, lost)
}

func TestMessagesOfOtherSenders(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	url := "http://sqs.us-east-2.amazonaws.com/" + fakesqs.Account + "/updates.fifo"
	send := func(id, body string) {
		_, err := newClient(server.URL, nil).SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("x"), MessageBody: &body, MessageDeduplicationId: &id, MessageGroupId: aws.String("group-" + id)},
		}})
		require.NoError(t, err)
	}
	send("own-id", `{"update_id":7,"message":{"chat":{"id":7}}}`)
	taken := take(t, q, time.Minute)
	require.Equal(t, []int64{7}, ids(taken))
	require.Equal(t, tghook.Key{Bot: bot, ID: 7}, taken[0].Key)
	require.Equal(t, "group-own-id", taken[0].Lane)
	require.NoError(t, q.Done(t.Context(), taken[0]))

	send("poison", "hello")
	require.NoError(t, q.Publish(t.Context(), update(1, "chat:7")))
	_, err := q.Take(t.Context(), bot, 10, time.Minute)
	require.NoError(t, err, "it is a dead letter now")
	dead := server.Messages("dead.fifo")
	require.Len(t, dead, 1)
	require.Equal(t, "hello", dead[0].Body)
	require.Contains(t, dead[0].MessageAttributes["tghook.why"].StringValue, "the message is no update")

	theirs := update(2, "chat:9")
	theirs.Key.Bot = 6
	server, q = open(t, nil)
	require.NoError(t, q.Publish(t.Context(), theirs))
	require.NoError(t, q.Publish(t.Context(), update(3, "chat:7")))
	_, err = q.Take(t.Context(), bot, 10, time.Minute)
	require.ErrorContains(t, err, "update 2 of bot 6 is in it, and the consumer is for bot 5; give each bot its own queue")
	require.Equal(t, []int64{3}, ids(take(t, q, time.Minute)), "SQS hides the other one meanwhile")
	require.Len(t, server.Messages("updates.fifo"), 2)
}

// A redrive policy moves messages as they are.
func TestDeadLettersOfARedrivePolicy(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	moved := newQueue(t, server.URL, tgsqs.Config{URL: "http://sqs.us-east-2.amazonaws.com/" + fakesqs.Account + "/dead.fifo"})
	require.NoError(t, moved.Publish(t.Context(), update(1, "chat:7")))
	letters, err := q.DeadLetters(t.Context(), bot, 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].Why, "redrive policy")
	require.Equal(t, "chat:7", letters[0].Lane)
	require.NoError(t, q.PutBack(t.Context(), letters[0].Key))
	require.Equal(t, []int64{1}, ids(take(t, q, time.Minute)))
	require.Empty(t, server.Messages("dead.fifo"))
}

// Two processes that look at the dead letters at once hide them from each other.
func TestDeadLettersSeenByTwoAtOnce(t *testing.T) {
	t.Parallel()
	server, q := open(t, nil)
	for i := range int64(15) {
		require.NoError(t, q.Publish(t.Context(), update(i, "chat:7")))
	}
	for len(server.Messages("updates.fifo")) > 0 {
		for _, u := range take(t, q, time.Minute) {
			require.NoError(t, q.Bury(t.Context(), u, "why"))
		}
	}
	other := newQueue(t, server.URL, tgsqs.Config{
		URL: "http://sqs.us-east-2.amazonaws.com/" + fakesqs.Account + "/updates.fifo", DeadLetterURL: "http://sqs.us-east-2.amazonaws.com/" + fakesqs.Account + "/dead.fifo",
	})
	var both sync.WaitGroup
	for _, q := range []*tgsqs.Queue{q, other} {
		both.Go(func() {
			letters, err := q.DeadLetters(t.Context(), bot, -1, 20)
			if err != nil || len(letters) != 15 {
				t.Errorf("got %d dead letters and %v, want 15", len(letters), err)
			}
		})
	}
	both.Wait()
}
