package tghooktest_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
)

const (
	noUpdates       = `200 {"ok":true,"result":[]}`
	otherGetUpdates = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)

// polling is a getUpdates in a goroutine of its own.
type polling struct {
	answer string
	took   time.Duration
	done   chan struct{}
}

func poll(t *testing.T, s *tghooktest.Server, params ...string) *polling {
	t.Helper()
	p := &polling{done: make(chan struct{})}
	begin := s.Now()
	go func() {
		defer close(p.done)
		p.answer = ask(t, s, "getUpdates", params...)
		p.took = s.Now().Sub(begin)
	}()
	synctest.Wait()
	return p
}

func (p *polling) answered(t *testing.T, want string, after time.Duration) {
	t.Helper()
	<-p.done
	assert.Equal(t, want, p.answer)
	assert.Equal(t, after, p.took)
}

// got returns the ids in an answer, counted from the first update.
func got(first int64, answer string) string {
	found := regexp.MustCompile(`"update_id":(\d+)`).FindAllStringSubmatch(answer, -1)
	ids := make([]string, 0, len(found))
	for _, m := range found {
		var id int64
		_, _ = fmt.Sscan(m[1], &id)
		ids = append(ids, strconv.FormatInt(id-first, 10))
	}
	return strings.Join(ids, " ")
}

func update(id int64, text string) string {
	return fmt.Sprintf(`{"update_id":%d,`+"\n"+`"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"%s"}}`, id, text)
}

func TestGetUpdatesConfirmsByOffset(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		first := deliver(t, s, message("a"))
		for _, text := range []string{"b", "c", "d", "e"} {
			deliver(t, s, message(text))
		}
		for _, step := range []struct{ offset, limit, want string }{
			{"", "1", "0"},
			{"", "", "0 1 2 3 4"},
			{"x", "2", "0 1"},
			{strconv.FormatInt(first+2, 10), "0", "2"},
			{"", "", "2 3 4"},
			{strconv.FormatInt(first+16, 10), "", "2 3 4"}, // more than ten beyond the last
			{"-2", "", "3 4"},
			{"", "", "3 4"},
			{strconv.FormatInt(first+5, 10), "", ""},
			{"", "", ""},
		} {
			later() // so that no offset repeats within three seconds
			answer := ask(t, s, "getUpdates", "offset", step.offset, "limit", step.limit)
			assert.Equalf(t, step.want, got(first, answer), "offset %s, limit %s", step.offset, step.limit)
		}
	})
}

func TestGetUpdatesHasTheWebhooksBodies(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		first := deliver(t, s, message("Zoë </b>"))
		deliver(t, s, message("b"))
		assert.Equal(t, `200 {"ok":true,"result":[`+update(first, `Zo\u00eb </b>`)+`,`+update(first+1, "b")+`]}`, ask(t, s, "getUpdates"), "updates")
	})
}

func TestAPollWaitsForAnUpdateAndUntilItIsQuiet(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		poll(t, s, "timeout", "20").answered(t, noUpdates, 20*time.Second)
		poll(t, s, "timeout", "1000").answered(t, noUpdates, 50*time.Second)

		p := poll(t, s, "timeout", "20")
		time.Sleep(7 * time.Second)
		first := deliver(t, s, message("a"))
		p.answered(t, `200 {"ok":true,"result":[`+update(first, "a")+`]}`, 7*time.Second+time.Millisecond)

		later()
		p = poll(t, s, "timeout", "20", "offset", strconv.FormatInt(first+1, 10))
		for range 5 {
			deliver(t, s, message("b"))
			time.Sleep(700 * time.Microsecond)
		}
		<-p.done
		assert.Equal(t, 2*time.Millisecond, p.took, "it waited")
		assert.Equal(t, "1 2 3", got(first, p.answer), "updates")

		later()
		p = poll(t, s, "timeout", "20", "offset", strconv.FormatInt(first+6, 10), "limit", "1")
		time.Sleep(20*time.Second - 300*time.Microsecond)
		deliver(t, s, message("c"))
		<-p.done
		assert.Equal(t, 20*time.Second, p.took, "it waited")
		assert.Equal(t, "6", got(first, p.answer), "updates")
	})
}

func TestAPollWithTheOffsetOfTheLastIsSlowedDown(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		poll(t, s).answered(t, noUpdates, 0)
		poll(t, s).answered(t, noUpdates, 3*time.Second) // a repeated offset waits 3 s
		poll(t, s).answered(t, noUpdates, 0)
		time.Sleep(2900 * time.Millisecond)
		poll(t, s, "timeout", "2").answered(t, noUpdates, 3*time.Second)
		poll(t, s, "offset", "1").answered(t, noUpdates, 0)
		poll(t, s, "offset", "1", "timeout", "5").answered(t, noUpdates, 5*time.Second)
		poll(t, s).answered(t, noUpdates, 0)
		poll(t, s, "offset", "4294967296").answered(t, noUpdates, 3*time.Second) // 0 in 32 bits
		poll(t, s, "offset", "1").answered(t, noUpdates, 0)

		first := deliver(t, s, message("a"))
		deliver(t, s, message("b"))
		assert.Equal(t, "0 1", got(first, ask(t, s, "getUpdates")), "another offset")
		assert.Equal(t, "0", got(first, ask(t, s, "getUpdates")), "the same at once")
		time.Sleep(500 * time.Millisecond)
		assert.Equal(t, "0 1", got(first, ask(t, s, "getUpdates")), "the same after a while")
	})
}

func TestANewPollEndsTheOneThatWaits(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		conflict := refused(409, otherGetUpdates)
		a := poll(t, s, "timeout", "50", "offset", "1")
		time.Sleep(time.Second)
		b := poll(t, s, "timeout", "50", "offset", "2")
		time.Sleep(time.Second)
		c := poll(t, s, "timeout", "50", "offset", "3") // within three seconds of the first conflict
		time.Sleep(time.Second / 2)
		poll(t, s, "offset", "4").answered(t, noUpdates, 0) // does not wait, so it ends no other call
		time.Sleep(time.Second / 2)
		d := poll(t, s, "timeout", "50", "offset", "5")
		time.Sleep(1500 * time.Millisecond)
		e := poll(t, s, "timeout", "50", "offset", "6") // only conflicts that are answered at once count
		a.answered(t, conflict, time.Second)
		b.answered(t, conflict, 4*time.Second)
		c.answered(t, conflict, 4*time.Second)
		d.answered(t, conflict, 1500*time.Millisecond)

		first := deliver(t, s, message("a"))
		assert.Equal(t, "0", got(first, ask(t, s, "getUpdates", "timeout", "50")), "one that finds something")
		<-e.done
		assert.Equal(t, "0", got(first, e.answer), "the one that waits")

		time.Sleep(5 * time.Second)
		f := poll(t, s, "timeout", "50", "offset", strconv.FormatInt(first+1, 10))
		poll(t, s, "timeout", "1", "offset", strconv.FormatInt(first+2, 10))
		f.answered(t, conflict, 0) // a call that was answered conflicts with none
	})
}

func TestANegativeOffsetCountsWhenItIsAskedAndNotLater(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		p := poll(t, s, "timeout", "50", "offset", "-1")
		first := deliver(t, s, message("a"))
		deliver(t, s, message("b"))
		<-p.done
		assert.Equal(t, "0 1", got(first, p.answer), "updates")
	})
}

func TestAClientThatVanishedLeavesItsPoll(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		ctx, vanish := context.WithTimeout(t.Context(), time.Second)
		defer vanish()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/bot"+s.Token+"/getUpdates?timeout=50", nil)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(do(t, s, r), "context deadline exceeded"))
		time.Sleep(time.Second)
		p := poll(t, s, "timeout", "50", "offset", "1")
		synctest.Wait()
		calls := s.Calls("getUpdates")
		assert.Len(t, calls, 1, "calls that have ended")
		assert.Equal(t, otherGetUpdates, calls[0].Err.Description, "how")
		first := deliver(t, s, message("hi"))
		<-p.done
		assert.Equal(t, "0", got(first, p.answer), "updates")
	})
}

func TestAWebhookAndPollsExcludeEachOther(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:80")
		p := poll(t, s, "timeout", "50")
		later()
		assert.Equal(t, alreadyDeleted, ask(t, s, "deleteWebhook", "drop_pending_updates", "true"), "delete")
		later()
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", hookURL), "set")
		p.answered(t, refused(409, "Conflict: terminated by setWebhook request"), 2*time.Second)
		poll(t, s).answered(t, refused(409, webhookActive), 3*time.Second)
		poll(t, s).answered(t, refused(409, webhookActive), 0)
		assert.Equal(t, wasDeleted, ask(t, s, "deleteWebhook"), "delete")
		poll(t, s).answered(t, noUpdates, 0)
	})
}

func TestOfAnOffsetBeyondTheLastWhatComesIsForgotten(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		first := deliver(t, s, message("a"))
		p := poll(t, s, "offset", strconv.FormatInt(first+3, 10), "timeout", "50")
		deliver(t, s, message("b"))
		p.answered(t, noUpdates, time.Millisecond)
		assert.Zero(t, s.Pending(), "pending")
	})
}
