package queue_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/queue"
)

const (
	shard = 1 << 33 // the distance between the keys of two classes
	alone = 17 * shard
)

// A time in 2026 with half a second.
var start = time.UnixMilli(1_795_000_000_500)

// timer is a clock that stands still until pass.
type timer struct {
	mu  sync.Mutex
	now time.Time
}

func (c *timer) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *timer) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open() (*queue.Queue, *timer) {
	clock := &timer{now: start}
	return queue.New(clock.Now, 1), clock
}

// message returns a message of a chat and of an age.
func message(chat int64, age time.Duration, text string) []byte {
	return fmt.Appendf(nil, `{"message_id":1,"chat":{"id":%d},"date":%d,"text":%q}`, chat, start.Add(-age).Unix(), text)
}

func add(t *testing.T, q *queue.Queue, kind string, object []byte) queue.Update {
	t.Helper()
	u, ok := q.Add(kind, object)
	require.Truef(t, ok, "%v %v", kind, object)
	return u
}

func refuse(t *testing.T, q *queue.Queue, kind string, object []byte) {
	t.Helper()
	if u, ok := q.Add(kind, object); ok || u.Body != nil || u.ID != 0 {
		t.Fatalf("an update came to be: %+v %s", u, u.Body)
	}
}

// fill adds n callback queries and returns their ids.
func fill(t *testing.T, q *queue.Queue, n int) []int64 {
	t.Helper()
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = add(t, q, "callback_query", []byte(`{"id":"1","from":{"id":7}}`)).ID
	}
	return ids
}

func TestABodyIsWhatTelegramSends(t *testing.T) {
	t.Parallel()
	q, _ := open()
	object := `{"id":"9","from":{"id":7,"first_name":"Zoë"},"data":"a\/b \ud83d\ude00"}`
	u := add(t, q, "callback_query", []byte(strings.ReplaceAll(object, `\/`, "/")))
	want := fmt.Sprintf("{\"update_id\":%d,\n\"callback_query\":%s}", u.ID,
		`{"id":"9","from":{"id":7,"first_name":"Zo\u00eb"},"data":"a/b \ud83d\ude00"}`)
	assert.Equal(t, want, string(u.Body))
	assert.Equal(t, "callback_query", u.Kind)
	if got, ok := q.Next(0); !ok || got.ID != u.ID || string(got.Body) != want || got.Key != u.Key || !got.Expires.Equal(u.Expires) {
		t.Errorf("Next has another: %+v", got)
	}
	if got := q.Get(0, 1); len(got) != 1 || string(got[0].Body) != want {
		t.Errorf("Get has another: %+v", got)
	}
}

// Each kind has the key and the life of the table in the fact sheet.
func TestNobodyGetsAnUpdateBeforeCame(t *testing.T) {
	q, _ := open()
	var came []int64
	q.Came = func(u queue.Update) {
		assert.True(t, q.Locked())
		came = append(came, u.ID)
	}
	first, made := q.Add("message", message(1, 0, "a"))
	require.True(t, made)
	second, err := q.Deliver(0, "message", message(1, 0, "b"))
	require.NoError(t, err)
	_, made = q.Add("message", message(1, 25*time.Hour, "too old"))
	require.False(t, made)
	assert.Equal(t, []int64{first.ID, second.ID}, came)
}

func TestUpdatesHaveTheirKindsKeyAndLife(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	then := start.Add(-hour).Unix()
	late := start.Add(-hour / 2).Unix()
	sent := fmt.Sprintf(`{"chat":{"id":-100},"from":{"id":7},"date":%d}`, then)
	edited := fmt.Sprintf(`{"chat":{"id":-100},"from":{"id":7},"date":%d,"edit_date":%d}`, start.Add(-99*hour).Unix(), late)
	asked := `{"id":"5","from":{"id":7},"message":{"chat":{"id":-100},"date":3}}`
	happened := fmt.Sprintf(`{"chat":{"id":-100},"from":{"id":7},"user":{"id":8},"date":%d,"new_chat_member":{"user":{"id":9}}}`, then)
	source := `"source":{"user":{"id":7}}`
	const s = time.Second
	fromNow := start.Truncate(s).Add // Telegram counts whole seconds
	fromThen, fromEdit := time.Unix(then, 0).Add(24*hour), time.Unix(late, 0).Add(24*hour)
	for kind, c := range map[string]struct {
		object  string
		key     int64
		expires time.Time
	}{
		"message":                 {sent, -100, fromThen},
		"edited_message":          {edited, -100, fromEdit},
		"channel_post":            {sent, -100, fromThen},
		"edited_channel_post":     {edited, -100, fromEdit},
		"inline_query":            {asked, 7 + shard, fromNow(30 * s)},
		"chosen_inline_result":    {asked, 7 + 2*shard, fromNow(600 * s)},
		"callback_query":          {asked, 7 + 3*shard, fromNow(150 * s)},
		"shipping_query":          {asked, 7 + 4*shard, fromNow(150 * s)},
		"pre_checkout_query":      {asked, 7 + 4*shard, fromNow(150 * s)},
		"poll":                    {`{"id":"5402391187456721920"}`, 5402391187456721920, fromNow(24 * hour)},
		"poll_answer":             {`{"poll_id":"5402391187456721920","user":{"id":7}}`, 5402391187456721920, fromNow(24 * hour)},
		"my_chat_member":          {happened, -100 + 5*shard, fromThen},
		"chat_member":             {happened, 9 + 6*shard, fromThen},
		"chat_join_request":       {happened, 7 + 6*shard, fromThen},
		"chat_boost":              {fmt.Sprintf(`{"chat":{"id":-100},"boost":{"add_date":%d,%s}}`, then, source), -100 + 7*shard, fromThen},
		"removed_chat_boost":      {fmt.Sprintf(`{"chat":{"id":-100},"remove_date":%d,%s}`, then, source), -100 + 7*shard, fromThen},
		"message_reaction":        {happened, -100 + 8*shard, fromThen},
		"message_reaction_count":  {happened, -100 + 9*shard, fromThen},
		"business_connection":     {fmt.Sprintf(`{"id":"a","user":{"id":7},"user_chat_id":70,"date":%d}`, then), 7 + 10*shard, fromNow(24 * hour)},
		"business_message":        {sent, -100 + 11*shard, fromThen},
		"edited_business_message": {edited, -100 + 11*shard, fromEdit},
		"deleted_business_messages": {
			`{"business_connection_id":"a","chat":{"id":-100},"message_ids":[1]}`, -100 + 11*shard, fromNow(24 * hour),
		},
		"guest_message":              {sent, -100 + 12*shard, fromThen},
		"purchased_paid_media":       {`{"from":{"id":7}}`, 7 + 12*shard, fromNow(24 * hour)},
		"managed_bot":                {`{"user":{"id":7},"bot":{"id":8}}`, 7 + 13*shard, fromNow(24 * hour)},
		"subscription":               {`{"user":{"id":7}}`, 7 + 14*shard, fromNow(24 * hour)},
		"stopped_message_generation": {`{"chat":{"id":-100},"draft_id":8}`, -100 + 15*shard, fromNow(24 * hour)},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			q, _ := open()
			q.Allow([]string{kind})
			u := add(t, q, kind, []byte(c.object))
			assert.Equal(t, c.key, u.Key)
			assert.True(t, u.Expires.Equal(c.expires))
		})
	}
}

func TestUnknownKindsHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	q, _ := open()
	for object, key := range map[string]int64{
		`{"chat":{"id":-100},"from":{"id":7}}`: -100 + 16*shard,
		`{"from":{"id":7},"user":{"id":8}}`:    7 + 16*shard,
		`{"user":{"id":8},"chat":"x"}`:         8 + 16*shard,
	} {
		if u := add(t, q, "telepathy", []byte(object)); u.Key != key || !u.Expires.Equal(start.Truncate(time.Second).Add(24*time.Hour)) {
			t.Errorf("%s has key %d until %v, want %d", object, u.Key, u.Expires, key)
		}
	}
	for _, kind := range []string{"telepathy", "message", "poll"} { // the update names no owner
		if u := add(t, q, kind, []byte(`{"id":"no number"}`)); u.Key != u.ID+alone {
			t.Errorf("%s has key %d and id %d", kind, u.Key, u.ID)
		}
	}
}

func TestUpdatesOfADayAgoAreNeverMade(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"message", "edited_message", "channel_post", "business_message", "guest_message", "my_chat_member"} {
		q, clock := open()
		refuse(t, q, kind, message(7, 24*time.Hour, "x"))
		last := message(7, 24*time.Hour-time.Second, "x")
		assert.Equal(t, time.Second/2, add(t, q, kind, last).Expires.Sub(start))
		clock.pass(time.Second/2 - time.Nanosecond)
		add(t, q, kind, last)
		clock.pass(time.Nanosecond)
		refuse(t, q, kind, last)
	}
}

// Telegram gives an update up when a second has begun that is after the last one.
func TestAnUpdateExpiresWithASecond(t *testing.T) {
	t.Parallel()
	q, clock := open() // half a second after a second has begun
	u := add(t, q, "inline_query", []byte(`{"from":{"id":7}}`))
	assert.Equal(t, 29500*time.Millisecond, u.Expires.Sub(start))
	clock.pass(30*time.Second + time.Second/2 - time.Nanosecond)
	assert.Equal(t, 1, q.Len())
	assert.False(t, u.Expired(clock.Now()))
	clock.pass(time.Nanosecond)
	assert.Zero(t, q.Len())
	assert.True(t, u.Expired(clock.Now()))
}

func TestATestMayDeliverWhatIsOld(t *testing.T) {
	t.Parallel()
	q, _ := open()
	for name, c := range map[string]struct {
		age  time.Duration
		left time.Duration
	}{
		"past its life": {48 * time.Hour, 24*time.Hour - time.Second/2},
		"in the future": {-48 * time.Hour, 24*time.Hour - time.Second/2},
		"of today":      {time.Hour, 23*time.Hour - time.Second/2},
	} {
		u, err := q.Deliver(0, "message", message(7, c.age, "x"))
		require.NoErrorf(t, err, "%v %v", name, u.Expires.Sub(start))
		assert.Equal(t, c.left, u.Expires.Sub(start), name)
	}
	if u, err := q.Deliver(0, "message", []byte(`{"chat":{"id":7}}`)); err != nil || u.Key != 7 || u.Expires.Sub(start) != 24*time.Hour-time.Second/2 {
		t.Errorf("without a date: %+v, %v", u, err)
	}
}

func TestATestMayNumberItsUpdates(t *testing.T) {
	t.Parallel()
	q, _ := open()
	const none = -1
	for _, c := range []struct{ id, want int64 }{
		{900, 900}, // the first id, whatever the Queue would have drawn
		{900, 901},
		{10, 902},
		{903, 903},
		{1000, 1000},
		{none, 1001}, // the same as Add
		{0, 1002},
		{-5, 1003},
		{1_999_999_999, 1004}, // Telegram never gives this id
		{2_000_000_007, 1005},
		{1_999_999_998, 1_999_999_998},
	} {
		id := int64(0)
		if c.id == none {
			id = add(t, q, "message", message(7, 0, "x")).ID
		} else if u, err := q.Deliver(c.id, "message", message(7, 0, "x")); err == nil {
			id = u.ID
		}
		assert.Equal(t, c.want, id)
	}
	assert.Equal(t, 11, q.Len())
	u, err := q.Deliver(1_999_999_998, "message", message(7, 0, "x"))
	require.NoErrorf(t, err, "%v %v", u.ID, q.Len())
	assert.GreaterOrEqual(t, u.ID, int64(2_000_001), q.Len())
	assert.LessOrEqual(t, u.ID, int64(1_000_000_000), q.Len())
	assert.Equal(t, 1, q.Len(), u.ID)
}

func TestAnErrorSaysWhyNothingIsDelivered(t *testing.T) {
	t.Parallel()
	q, _ := open()
	q.Allow([]string{"poll", "message"})
	check := func(kind, object string, words ...string) {
		t.Helper()
		_, err := q.Deliver(0, kind, []byte(object))
		for _, word := range words {
			require.Errorf(t, err, "%v %v", kind, word)
			assert.Contains(t, err.Error(), word, kind)
		}
	}
	check("callback_query", `{}`, "callback_query is not in allowed_updates", "message, poll")
	check("telepathy", `{}`, "telepathy is not in allowed_updates")
	check("message", `{"a":`, "message is not a JSON object: unexpected end")
	check("message", ` [1]`, "message is not a JSON object")
	check("message", `null`, "message is not a JSON object")
	check("message", ``, "message is not a JSON object")
	check("message", `{"text":"`+strings.Repeat("x", 512<<10)+`"}`, "message has 524309 bytes", "524288")
	q.Allow(nil)
	check("chat_member", `{}`, "every kind except chat_member")
	assert.Zero(t, q.Len())
}

func TestAnUpdateHasAtMost512KiB(t *testing.T) {
	t.Parallel()
	q, _ := open()
	object := func(n int) []byte { // so that "message":{...} has n bytes
		return []byte(`{"text":"` + strings.Repeat("x", n-len(`"message":{"text":""}`)) + `"}`)
	}
	refuse(t, q, "message", object(512<<10+1))
	first := add(t, q, "message", object(512<<10))
	assert.Equal(t, first.ID+1, add(t, q, "message", object(100)).ID)
}

func TestTheQueueHolds100000AndDrainsInAnyOrder(t *testing.T) {
	t.Parallel()
	q, clock := open()
	ids := fill(t, q, 100_000)
	refuse(t, q, "callback_query", []byte(`{}`))
	if _, err := q.Deliver(0, "message", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "full: 100000 updates") {
		t.Errorf("of a full queue Deliver says: %v", err)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, id := range ids[:99_000] {
		if u, ok := q.Next(id - 1); !ok || u.ID != id {
			t.Fatalf("Next has %d (%t), not %d", u.ID, ok, id)
		}
		q.Forget(id)
	}
	left := slices.Sorted(slices.Values(ids[99_000:]))
	for last := int64(0); len(left) > 0; left = left[1:] {
		u, _ := q.Next(last)
		if last = u.ID; last != left[0] || q.Len() != 1000 {
			t.Fatalf("Next has %d, not %d, and %d wait", last, left[0], q.Len())
		}
	}
	clock.pass(151 * time.Second)
	if n, got := q.Len(), q.Get(0, 100); n != 0 || len(got) != 0 {
		t.Errorf("%d wait after their life, and Get has %d", n, len(got))
	}
	fill(t, q, 3)
	assert.Equal(t, 3, q.Len())
}

func TestTheQueueHolds128MiB(t *testing.T) {
	t.Parallel()
	q, clock := open()
	object := []byte(`{"chat":{"id":7}}`)
	size := len(`"message":`) + len(object)
	q.SetSize(128<<20 - size)
	u := add(t, q, "message", object)
	refuse(t, q, "message", object)
	q.Forget(u.ID)
	add(t, q, "message", object)
	q.Clear()
	add(t, q, "inline_query", object)
	q.SetSize(128 << 20)
	refuse(t, q, "message", object)
	clock.pass(31 * time.Second) // expired updates take no space
	add(t, q, "message", object)
}

func TestIDsBeginByTheSeedAndGoUpByOne(t *testing.T) {
	t.Parallel()
	firsts := map[int64]bool{}
	for seed := range uint64(100) {
		first := fill(t, queue.New(time.Now, seed), 1)[0]
		assert.GreaterOrEqual(t, first, int64(2_000_001))
		assert.LessOrEqual(t, first, int64(1_000_000_000))
		assert.Equal(t, first, fill(t, queue.New(time.Now, seed), 1)[0])
		firsts[first] = true
	}
	assert.GreaterOrEqual(t, len(firsts), 99)
	q, _ := open()
	before := q.Last()
	ids := fill(t, q, 2)
	assert.Equal(t, []int64{before + 1, q.Last()}, ids, "the ids after the last one")
	refuse(t, q, "chat_member", []byte(`{"chat":{"id":7}}`)) // not in the default
	refuse(t, q, "message", []byte(`x`))
	q.Clear()
	if next := fill(t, q, 1)[0]; ids[1] != ids[0]+1 || next != ids[0]+2 {
		t.Errorf("ids are not without gaps: %v, then %d", ids, next)
	}
}

func TestIDsBeginAnewBeforeTwoBillion(t *testing.T) {
	t.Parallel()
	q, _ := open()
	q.SetNext(1_999_999_997)
	assert.Equal(t, int64(1_999_999_998), fill(t, q, 2)[1])
	assert.Len(t, q.Get(2_000_000_000, 100), 2)
	first := fill(t, q, 1)[0]
	if n := q.Len(); n != 1 || first > 1_000_000_000 || first < 2_000_001 {
		t.Errorf("the next id is %d, and %d wait", first, n)
	}
	if u, ok := q.Next(1_999_999_998); !ok || u.ID != first {
		t.Errorf("after the last id comes %d (%t), want %d", u.ID, ok, first)
	}
	q.SetNext(1_999_999_999)
	assert.NotEqual(t, first, fill(t, q, 1)[0])
}

func TestWhatHasExpiredIsNeverShown(t *testing.T) {
	t.Parallel()
	q, clock := open()
	ids := []int64{
		add(t, q, "message", message(7, 0, "x")).ID,
		add(t, q, "inline_query", []byte(`{"from":{"id":7}}`)).ID,
		add(t, q, "callback_query", []byte(`{"from":{"id":7}}`)).ID,
	}
	clock.pass(30*time.Second + time.Second/2 - 1)
	if u, _ := q.Next(ids[0]); u.ID != ids[1] {
		t.Errorf("Next has %d at the end of an inline query's life", u.ID)
	}
	clock.pass(1)
	if u, _ := q.Next(ids[0]); u.ID != ids[2] {
		t.Errorf("Next has %d after an inline query's life", u.ID)
	}
	if got := q.Get(0, 100); len(got) != 2 || got[1].ID != ids[2] || q.Len() != 2 {
		t.Errorf("Get has %v, %d wait", got, q.Len())
	}
	clock.pass(24 * time.Hour)
	if u, ok := q.Next(0); ok || q.Len() != 0 || len(q.Get(0, 100)) != 0 {
		t.Errorf("Next has %d after a day, %d wait", u.ID, q.Len())
	}
	q.Forget(ids[0])
}

func TestAddedIsClosedByTheNextUpdate(t *testing.T) {
	t.Parallel()
	q, _ := open()
	open := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return false
		default:
			return true
		}
	}
	fill(t, q, 1)
	first := q.Added()
	refuse(t, q, "message", []byte(`x`))
	if !open(first) || q.Added() != first {
		t.Error("Added was closed without an update")
	}
	fill(t, q, 1)
	if second := q.Added(); open(first) || !open(second) {
		t.Error("Added was not closed, or the next one was")
	}
}

// Several goroutines add, read and forget. The race detector watches, and no update is lost
// or delivered twice.
func TestAQueueServesSeveralGoroutines(t *testing.T) {
	t.Parallel()
	q, _ := open()
	const adders, each = 4, 500
	var adding, taking sync.WaitGroup
	for chat := range int64(adders) {
		adding.Go(func() {
			for range each {
				q.Add("message", message(chat+1, 0, "x"))
			}
		})
	}
	adding.Go(func() {
		for i := range each {
			q.Get(0, i)
			q.Allow([]string{"message", "poll"})
			q.Allowed()
			q.Len()
		}
	})
	done := make(chan struct{})
	taken := make([]map[int64]bool, 2)
	for i := range taken {
		taken[i] = map[int64]bool{}
		taking.Go(func() {
			for last := int64(0); ; {
				added := q.Added()
				u, ok := q.Next(last)
				if ok {
					last = u.ID
					if last%2 == int64(i) {
						taken[i][last] = true
						q.Forget(last)
					}
					continue
				}
				select {
				case <-added:
				case <-done:
					return
				}
			}
		})
	}
	adding.Wait()
	for deadline := time.Now().Add(30 * time.Second); q.Len() > 0; runtime.Gosched() {
		require.False(t, time.Now().After(deadline), q.Len())
	}
	close(done)
	taking.Wait()
	assert.Equal(t, adders*each, len(taken[0])+len(taken[1]))
}

// The updates of 5,000 chats that the bot does not answer take a fraction of the 64 MiB
// that the whole Server may use. The test is not parallel, because it measures the heap.
func TestPendingUpdatesAreSmall(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	q, _ := open()
	before := heap()
	const chats, each = 5_000, 4
	bodies := 0
	for i := range chats * each {
		bodies += len(add(t, q, "message", message(int64(i%chats), 0, strings.Repeat("x", 500))).Body)
	}
	grown := heap() - before
	t.Logf("%d updates of %d KiB take %d KiB", q.Len(), bodies>>10, grown>>10)
	assert.LessOrEqual(t, grown, uint64(24<<20))
	for range chats * each { // the memory is given back
		u, _ := q.Next(0)
		q.Forget(u.ID)
	}
	assert.LessOrEqual(t, int64(heap())-int64(before), int64(1<<20))
	runtime.KeepAlive(q)
}
