package tghook_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// photoIn is an item of an album in a private chat.
func photoIn(chat, id int64, album string, message int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":%d,\"from\":{\"id\":%[3]d},\"chat\":{\"id\":%[3]d,\"type\":\"private\"},\"media_group_id\":\"%[4]s\",\"photo\":[]}}", id, message, chat, album)
}

// A runLog is what handlers did, in order.
type runLog struct {
	tb   testing.TB
	mu   sync.Mutex
	runs []string
}

func (l *runLog) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = append(l.runs, what)
}

// An albumBot is a bot that notes what its handlers do, in order.
type albumBot struct {
	*rig.Bot
	*runLog

	took time.Duration                          // by a run of either handler
	fail func(run string) error                 // may be nil
	say  func(ctx context.Context) tghook.Reply // may be nil
}

func (b *albumBot) run(ctx context.Context, what string) (tghook.Reply, error) {
	if tghook.IsStraggler(ctx) {
		what += " (straggler)"
	}
	b.note(what)
	time.Sleep(b.took)
	b.note("end")
	if b.fail != nil {
		if err := b.fail(what); err != nil {
			return tghook.NoReply, err
		}
	}
	if b.say != nil {
		return b.say(ctx), nil
	}
	return tghook.NoReply, nil
}

// Ran is what the handlers were called with. Each must have ended before the next begins.
func (l *runLog) Ran() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var begun []string
	for i, what := range l.runs {
		if what != "end" {
			begun = append(begun, what)
			continue
		}
		if i == 0 || l.runs[i-1] == "end" {
			l.tb.Errorf("two handlers of a lane run at once: %q", l.runs)
		}
	}
	return strings.Join(begun, ", ")
}

func name(u *tghook.Update) string { return strconv.FormatInt(u.ID, 10) }

func ids(us []*tghook.Update) string {
	text := make([]string, len(us))
	for i, u := range us {
		text[i] = name(u)
	}
	return "album " + strings.Join(text, " ")
}

// handler is the handler of b: one for albums, and one for all else.
func (b *albumBot) handler(cfg tghook.AlbumConfig) tghook.Handler {
	single := tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		return b.run(ctx, name(u))
	})
	return tghook.Chain(single, tghook.Album(func(ctx context.Context, us []*tghook.Update) (tghook.Reply, error) {
		return b.run(ctx, ids(us))
	}, cfg))
}

// sendAll delivers bodies one after the other, as Telegram does within a chat.
func (b *albumBot) sendAll(bodies ...string) {
	b.TB.Helper()
	for _, body := range bodies {
		assert.Equal(b.TB, "200", rig.MustWait(b.Send(body)), body)
	}
}

func newAlbumBot(t *testing.T, cfg tghook.Config) *albumBot {
	t.Helper()
	return joinAlbumBot(t, &runLog{tb: t}, cfg)
}

// joinAlbumBot makes a bot whose handlers write to log.
func joinAlbumBot(t *testing.T, log *runLog, cfg tghook.Config) *albumBot {
	t.Helper()
	b := &albumBot{Bot: &rig.Bot{TB: t}, runLog: log}
	cfg.InsecureNoSecret = true
	b.Record(&cfg.Dispatch)
	hook, err := tghook.New(b.handler(tghook.AlbumConfig{}), cfg)
	require.NoError(t, err)
	b.Webhook = hook
	return b
}

func TestAnAlbumIsHandledAsOneInTheOrderOfItsMessages(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		b := newAlbumBot(t, tghook.Config{})
		for _, body := range []string{photoIn(7, 1, "a", 12), photoIn(7, 2, "a", 10), photoIn(7, 3, "a", 11)} {
			got, took := b.Send(body).Wait()
			assert.Equal(t, "200", got)
			assert.Zero(t, took, "an item waits for its album")
			rig.Pass(900 * time.Millisecond)
		}
		assert.Empty(t, b.Ran(), "the album was handled before it was quiet for a second")
		rig.Pass(100 * time.Millisecond)
		assert.Equal(t, "album 2 3 1", b.Ran())
		assert.Equal(t, "gathered/0/200 gathered/0/200 gathered/0/200 handled/1/0", b.Outcomes())
		assert.Equal(t, int64(2), b.Last().Update.ID, "the run is reported with the first item")
		b.Clean(b.Stats())
	})
}

func TestAnAlbumIsCompleteAtOnce(t *testing.T) {
	ten := make([]string, 10)
	for i := range ten {
		ten[i] = photoIn(7, int64(i+1), "a", int64(i+1))
	}
	for name, test := range map[string]struct {
		then func(b *albumBot)
		want string
	}{
		"with ten items":                         {func(b *albumBot) { b.sendAll(ten...) }, "album 1 2 3 4 5 6 7 8 9 10"},
		"when another message of its chat comes": {func(b *albumBot) { b.sendAll(ten[0], ten[1], rig.MessageIn(7, 3)) }, "album 1 2, 3"},
		"when an item of another album comes": {
			func(b *albumBot) { b.sendAll(ten[0], ten[1], photoIn(7, 3, "b", 3), rig.MessageIn(7, 4)) }, "album 1 2, album 3, 4",
		},
		"when an item of it is edited": {
			func(b *albumBot) {
				b.sendAll(ten[0], ten[1], strings.Replace(photoIn(7, 3, "a", 2), "message", "edited_message", 1))
			}, "album 1 2, 3",
		},
		"when a button of its chat is pressed": {func(b *albumBot) { b.sendAll(ten[0], rig.CallbackIn(7, 7, 2)) }, "album 1, 2"},
		"at Shutdown": {func(b *albumBot) {
			b.sendAll(ten[:3]...)
			assert.NoError(b.TB, b.Shutdown(b.TB.Context()))
		}, "album 1 2 3"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := newAlbumBot(t, tghook.Config{})
				start := time.Now()
				test.then(b)
				synctest.Wait()
				assert.Equal(t, test.want, b.Ran())
				assert.Zero(t, time.Since(start), "the album waited")
				b.Clean(b.Stats())
			})
		})
	}
}

func TestUpdatesBehindAnAlbumWaitForItAndOtherChatsDoNot(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		b := newAlbumBot(t, tghook.Config{})
		b.took = 3 * time.Second
		b.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2))
		behind := b.Send(rig.MessageIn(7, 3))
		straggler := b.Send(photoIn(7, 4, "a", 3))
		got, took := behind.Wait()
		assert.Equal(t, "200", got)
		assert.Equal(t, 6*time.Second, took)
		assert.Equal(t, "200", rig.MustWait(straggler))
		rig.Pass(4 * time.Second)
		assert.Equal(t, "album 1 2, 3, album 4 (straggler)", b.Ran())

		b.sendAll(photoIn(7, 5, "b", 5))
		got, took = b.Send(rig.MessageIn(8, 6)).Wait()
		assert.Equal(t, "200", got)
		assert.Equal(t, 3*time.Second, took, "another chat waits for nothing")
	})
}

func TestAFailedAlbumIsRunAgainInItsLane(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		b := newAlbumBot(t, tghook.Config{})
		start := time.Now()
		var at []time.Duration
		b.fail = func(run string) error {
			if !strings.HasPrefix(run, "album") {
				return nil
			}
			if at = append(at, time.Since(start)); len(at) == 4 {
				return nil
			}
			if len(at) == 3 {
				return tghook.RetryAfter(10*time.Second, rig.ErrBroken)
			}
			return rig.ErrBroken
		}
		b.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2))
		behind := b.Send(rig.MessageIn(7, 3))
		assert.Equal(t, "503 after 2", rig.MustWait(behind), "it is late, and keeps its place")
		rig.Pass(6 * time.Second)
		assert.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 13 * time.Second}, at)
		assert.Equal(t, "album 1 2, album 1 2, album 1 2, album 1 2, 3", b.Ran())
		assert.Equal(t, "gathered/0/200 gathered/0/200 failed/1/0 failed/2/0 failed/3/0 late/0/503/late handled/4/0 handled/1/0/late", b.Outcomes())
		assert.Equal(t, "200", b.Post(rig.MessageIn(7, 3)))
	})
}

func TestAnAlbumIsGivenUpLikeAnUpdate(t *testing.T) {
	old := func(body string) string { return strings.Replace(body, `"photo"`, `"date":1000,"photo"`, 1) }
	for name, test := range map[string]struct {
		cfg  tghook.DispatchConfig
		fail error
		old  bool
		runs int
		want string
	}{
		"by MaxAttempts":                   {tghook.DispatchConfig{MaxAttempts: 3}, rig.ErrBroken, false, 3, "dead_lettered/3/0"},
		"by Drop":                          {tghook.DispatchConfig{}, tghook.Drop(rig.ErrBroken), false, 1, "dropped/1/0"},
		"if it is older than MaxAge":       {tghook.DispatchConfig{MaxAge: time.Hour}, nil, true, 0, "dead_lettered/0/0"},
		"by the rule for what cannot heal": {tghook.DispatchConfig{}, &tghook.APIError{Code: 400}, false, 8, "dead_lettered/8/0"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := newAlbumBot(t, tghook.Config{Dispatch: test.cfg})
				b.fail = func(run string) error {
					if strings.HasPrefix(run, "album") {
						return test.fail
					}
					return nil
				}
				for id := int64(1); id <= 3; id++ {
					body := photoIn(7, id, "a", 10-id)
					if test.old {
						body = old(body)
					}
					b.sendAll(body)
				}
				rig.Pass(5 * time.Minute)
				runs := strings.Count(b.Ran(), "album 3 2 1")
				assert.Equal(t, test.runs, runs)
				all := strings.Fields(b.Outcomes())
				assert.Equal(t, test.want, all[len(all)-1])
				letters := make([]int64, 0, len(b.Letters))
				for _, l := range b.Letters {
					letters = append(letters, l.ID)
					if test.fail != nil {
						require.ErrorIs(t, l.Err, test.fail)
					}
				}
				assert.Equal(t, []int64{3, 2, 1}, letters, "DeadLetter gets each item once")
				b.sendAll(rig.MessageIn(7, 4))
				b.Clean(b.Stats())
			})
		})
	}
}

func TestTheReplyToAnAlbumIsSentByCaller(t *testing.T) {
	for name, test := range map[string]struct {
		caller tghook.Caller
		want   string
		calls  []string
	}{
		"once":                      {&rig.Caller{}, "replied/1/0", []string{rig.HelloCall}},
		"and lost if there is none": {nil, "reply_lost/1/0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := newAlbumBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: test.caller}})
				b.say = func(ctx context.Context) tghook.Reply {
					first, _ := tghook.FromContext(ctx)
					assert.Equal(t, int64(1), first.ID, "FromContext")
					return rig.Hello
				}
				b.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2))
				rig.Pass(2 * time.Second)
				assert.Equal(t, "gathered/0/200 gathered/0/200 "+test.want, b.Outcomes())
				if b.API != nil {
					assert.Equal(t, test.calls, b.API.All())
				} else {
					require.ErrorContains(t, b.Last().Err, "no Caller to send it with")
				}
				b.sendAll(photoIn(7, 1, "a", 1))
				assert.Equal(t, "album 1 2", b.Ran(), "a redelivery runs nothing")
			})
		})
	}
}

func TestAHandlerOfAlbumsMayDoWhatItWants(t *testing.T) {
	for name, test := range map[string]struct {
		misbehave func()
		want      string
	}{
		"panic":                           {func() { panic("broken") }, "failed/1/0"},
		"end its goroutine":               {runtime.Goexit, "failed/1/0"},
		"not return after HandlerTimeout": {func() { time.Sleep(time.Hour) }, "abandoned/1/0"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := newAlbumBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}})
				var misbehaved atomic.Bool
				b.fail = func(string) error {
					if misbehaved.CompareAndSwap(false, true) {
						test.misbehave()
					}
					return nil
				}
				b.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2))
				rig.Pass(2 * time.Minute)
				assert.Equal(t, test.want, strings.Fields(b.Outcomes())[2])
				b.sendAll(rig.MessageIn(7, 3))
				if test.want == "abandoned/1/0" {
					assert.Equal(t, "album 1 2, 3", b.Ran())
					assert.Equal(t, 2, b.Buried(), "DeadLetter gets both items")
				} else {
					assert.Equal(t, "album 1 2, album 1 2, 3", b.Ran())
					assert.Equal(t, "handled/2/0", strings.Fields(b.Outcomes())[3])
				}
			})
		})
	}
}

func TestARedeliveredItemIsNotAddedTwice(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		b := newAlbumBot(t, tghook.Config{})
		b.took = 2 * time.Second
		one := photoIn(7, 1, "a", 1)
		b.sendAll(one, one, photoIn(7, 2, "a", 2), one)
		rig.Pass(2 * time.Second)
		b.sendAll(one) // while it runs
		rig.Pass(2 * time.Second)
		b.sendAll(one) // and afterwards
		rig.Pass(time.Minute)
		assert.Equal(t, "album 1 2", b.Ran())
	})
}

func TestAnItemThatWaitsInItsLaneIsLateLikeAnyUpdate(t *testing.T) {
	for name, test := range map[string]struct {
		late tghook.LatePolicy
		want string
		runs string
	}{
		"LateRetry":  {tghook.LateRetry, "503 after 2", "1, album 2"},
		"LateAck":    {tghook.LateAck, "200", "1, album 2"},
		"LateCancel": {tghook.LateCancel, "503", "1, album 2"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := newAlbumBot(t, tghook.Config{Late: test.late})
				b.took = 20 * time.Second
				first, item := b.Send(rig.CallbackIn(7, 7, 1)), b.Send(photoIn(7, 2, "a", 1))
				got := rig.MustWait(item)
				assert.True(t, strings.HasPrefix(got, test.want), got)
				rig.MustWait(first)
				rig.Pass(20 * time.Second)
				if test.want != "200" {
					assert.Equal(t, "200", rig.MustWait(b.Send(photoIn(7, 2, "a", 1))))
				}
				rig.Pass(30 * time.Second)
				assert.Equal(t, test.runs, b.Ran())
				b.Clean(b.Stats())
			})
		})
	}
}

func TestTheItemsOfAnAlbumShareALane(t *testing.T) {
	for name, test := range map[string]struct {
		lane   func(*tghook.Update) string
		warned int
	}{
		"that Lane returns":                        {func(*tghook.Update) string { return "x" }, 0},
		"if Lane returns none":                     {func(*tghook.Update) string { return "" }, 0},
		"and a line is logged if Lane returns two": {func(u *tghook.Update) string { return strconv.FormatInt(u.ID%2, 10) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Lane: test.lane}}
				logged := rig.Wordy(&cfg.Dispatch)
				b := newAlbumBot(t, cfg)
				b.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2), photoIn(7, 3, "a", 3), photoIn(7, 4, "a", 4))
				rig.Pass(2 * time.Second)
				assert.Equal(t, "album 1 2 3 4", b.Ran())
				assert.Len(t, logged.With("different lanes"), test.warned)
			})
		})
	}
}

func TestAlbumsThatGatherCountInMaxInFlight(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		b := newAlbumBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxInFlight: 2}})
		b.sendAll(photoIn(7, 1, "a", 1), photoIn(8, 2, "b", 1))
		assert.Equal(t, 2, b.Stats().InFlight)
		assert.Contains(t, rig.ShedAnswers, b.Post(photoIn(9, 3, "c", 1)))
		rig.Pass(2 * time.Second)
		b.sendAll(photoIn(9, 3, "c", 1))
	})
}

func TestWhichUpdatesAreItemsOfAlbums(t *testing.T) {
	for _, test := range []struct {
		kind string
		want string
	}{
		{"message", "album 1 2"},
		{"channel_post", "album 1 2"},
		{"business_message", "album 1 2"},
		{"guest_message", "album 1 2"},
		{"edited_message", "1, 2"},
		{"edited_channel_post", "1, 2"},
		{"edited_business_message", "1, 2"},
		{"a_kind_to_come", "1, 2"},
	} {
		t.Run(test.kind, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := newAlbumBot(t, tghook.Config{})
				for id := int64(1); id <= 2; id++ {
					b.sendAll(strings.Replace(photoIn(7, id, "a", id), `"message"`, `"`+test.kind+`"`, 1))
				}
				rig.Pass(2 * time.Second)
				assert.Equal(t, test.want, b.Ran())
			})
		})
	}
}

func TestAnAlbumWithinKindsIsForItsKindAlone(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		b := &albumBot{Bot: &rig.Bot{TB: t}, runLog: &runLog{tb: t}}
		cfg := tghook.Config{InsecureNoSecret: true}
		b.Record(&cfg.Dispatch)
		plain := tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) { return b.run(ctx, name(u)) })
		counted := 0
		count := func(next tghook.Handler) tghook.Handler {
			return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				counted++
				return next.HandleUpdate(ctx, u)
			})
		}
		kinds := tghook.Kinds{tghook.KindMessage: tghook.Chain(b.handler(tghook.AlbumConfig{Quiet: 3 * time.Second}), count), tghook.KindChannelPost: plain}
		h := tghook.Chain(kinds, count)
		hook, err := tghook.New(h, cfg)
		require.NoError(t, err)
		b.Webhook = hook
		post := func(id int64) string {
			return strings.Replace(photoIn(8, id, "p", id), `"message"`, `"channel_post"`, 1)
		}
		b.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2), post(3), post(4))
		rig.Pass(2 * time.Second)
		assert.Equal(t, "3, 4", b.Ran())
		rig.Pass(2 * time.Second)
		assert.Equal(t, "3, 4, album 1 2", b.Ran())
		assert.Equal(t, 4, counted, "each middleware sees an album once")
		assert.Equal(t, []string{"channel_post", "message"}, h.(interface{ AllowedUpdates() []string }).AllowedUpdates())
	})
}

func TestMistakesInAnAlbum(t *testing.T) {
	t.Parallel()
	onAlbum := func(context.Context, []*tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }
	single := tghook.HandlerFunc(rig.Nothing)
	for name, test := range map[string]struct {
		h    tghook.Handler
		cfg  tghook.Config
		want []string
	}{
		"a negative Quiet":       {tghook.Chain(single, tghook.Album(onAlbum, tghook.AlbumConfig{Quiet: -1})), tghook.Config{}, []string{"AlbumConfig.Quiet"}},
		"a Quiet of an hour":     {tghook.Kinds{"message": tghook.Chain(single, tghook.Album(onAlbum, tghook.AlbumConfig{Quiet: time.Hour}))}, tghook.Config{}, []string{"AlbumConfig.Quiet"}},
		"no handler":             {tghook.Chain(single, tghook.Album(nil, tghook.AlbumConfig{})), tghook.Config{}, []string{"Album"}},
		"no next handler":        {tghook.Chain(nil, tghook.Album(onAlbum, tghook.AlbumConfig{})), tghook.Config{}, []string{"Handler"}},
		"a process that freezes": {tghook.Chain(single, tghook.Album(onAlbum, tghook.AlbumConfig{})), tghook.Config{Ephemeral: true}, []string{"Album"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.cfg.InsecureNoSecret = true
			_, err := tghook.New(test.h, test.cfg)
			assert.Equal(t, test.want, rig.Mistaken(t, err))
		})
	}
}

func TestAnAlbumThatCannotWorkFailsAndLosesNothing(t *testing.T) {
	hide := func(next tghook.Handler) tghook.Handler {
		return tghook.HandlerFunc(next.HandleUpdate)
	}
	for name, test := range map[string]struct {
		hidden    bool
		ephemeral bool
		want      string
	}{
		"because a handler hides it":        {true, false, "give that handler to Chain"},
		"because a request says it freezes": {false, true, "frozen once it has answered"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := &albumBot{Bot: &rig.Bot{TB: t}, runLog: &runLog{tb: t}}
				cfg := tghook.Config{InsecureNoSecret: true, Dispatch: tghook.DispatchConfig{MaxAttempts: 2}}
				b.Record(&cfg.Dispatch)
				h := b.handler(tghook.AlbumConfig{})
				if test.hidden {
					h = hide(h)
				}
				hook, err := tghook.New(h, cfg)
				require.NoError(t, err)
				b.Webhook = hook
				post := func() string {
					return rig.Answer(b.ServeWith(t.Context(), photoIn(7, 1, "a", 1), func(r *tghook.Request) { r.Ephemeral = test.ephemeral }))
				}
				assert.Equal(t, "500", post())
				var mistake *tghook.ConfigError
				require.ErrorAs(t, b.Last().Err, &mistake)
				assert.Equal(t, "Album", mistake.Field)
				assert.Contains(t, mistake.Problem, test.want)
				assert.Equal(t, "200", post())
				assert.Equal(t, int64(1), b.Letter(0).ID, "DeadLetter has it")
				assert.Empty(t, b.Ran())
			})
		})
	}
}

func TestWithoutADispatcherAnItemIsAnAlbumOfItsOwn(t *testing.T) {
	t.Parallel()
	b := &albumBot{Bot: &rig.Bot{TB: t}, runLog: &runLog{tb: t}}
	_, err := b.handler(tghook.AlbumConfig{}).HandleUpdate(t.Context(), rig.Parsed(t, photoIn(7, 1, "a", 1)))
	require.NoError(t, err)
	assert.Equal(t, "album 1", b.Ran())
	assert.False(t, tghook.IsStraggler(t.Context()))
}

func TestAnAlbumInMemoryAtShutdown(t *testing.T) {
	for name, test := range map[string]struct {
		broken  bool // each attempt fails
		took    time.Duration
		before  time.Duration // Shutdown
		want    string        // the error
		letters int
	}{
		"is handled if it gathers":                  {false, 0, 0, "", 0},
		"is handled if it runs":                     {false, 3 * time.Second, 2 * time.Second, "", 0},
		"is a dead letter if it fails":              {true, 0, 0, "", 2},
		"is a dead letter if it waits to run again": {true, 0, 2500 * time.Millisecond, "", 2},
		"is a dead letter if it ends too late":      {true, 10 * time.Second, 2 * time.Second, "context deadline exceeded; 2 updates that were acknowledged early did not end: 1 2", 0},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				b := newAlbumBot(t, tghook.Config{})
				b.took = test.took
				b.fail = func(string) error {
					if test.broken {
						return rig.ErrBroken
					}
					return nil
				}
				b.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2))
				rig.Pass(test.before)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				err := b.Shutdown(ctx)
				if test.want == "" {
					require.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, test.want) //nolint:testifylint // the goroutine goes on
				}
				assert.Equal(t, test.letters, b.Buried(), "dead letters")
				assert.NotEmpty(t, b.Ran())
				assert.Contains(t, rig.ShedAnswers, b.Post(photoIn(7, 9, "b", 1)), "no item comes afterwards")
			})
		})
	}
}
