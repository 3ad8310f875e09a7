package tghooktest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

const (
	advice      = "; pass the id of the newest update plus 1, and wait with timeout"
	limitSpin   = "getUpdates repeats the offset of the call before within 0.5 s, so Telegram answers with one update at most" + advice
	timeoutSpin = "getUpdates repeats the offset of the call before within 3 s, so Telegram waits 3 s where no update waits" + advice
)

func TestABotIsWarnedOfWhatTelegramPunishesSilently(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act  func(t *testing.T, s *tghooktest.Server)
		want []string
	}{
		"an offset that repeats soon": {func(t *testing.T, s *tghooktest.Server) {
			ask(t, s, "getUpdates", "timeout", "1")
			time.Sleep(499 * time.Millisecond)
			ask(t, s, "getUpdates", "timeout", "1")
		}, []string{timeoutSpin}},
		"an offset that repeats within half a second": {func(t *testing.T, s *tghooktest.Server) {
			s.User("Zoë").Chat().Send("hi")
			ask(t, s, "getUpdates", "timeout", "50")
			time.Sleep(499 * time.Millisecond)
			ask(t, s, "getUpdates", "timeout", "50")
		}, []string{limitSpin}},
		"an offset that repeats within three seconds": {func(t *testing.T, s *tghooktest.Server) {
			ask(t, s, "getUpdates", "offset", "7")
			time.Sleep(2999 * time.Millisecond)
			ask(t, s, "getUpdates", "offset", "7")
		}, []string{timeoutSpin}},
		"an offset that repeats after three seconds": {func(t *testing.T, s *tghooktest.Server) {
			ask(t, s, "getUpdates", "offset", "7")
			time.Sleep(3 * time.Second)
			ask(t, s, "getUpdates", "offset", "7")
		}, nil},
		"another offset": {func(t *testing.T, s *tghooktest.Server) {
			ask(t, s, "getUpdates", "offset", "7")
			ask(t, s, "getUpdates", "offset", "8")
		}, nil},
		"a repeated offset that asked for what it gets": {func(t *testing.T, s *tghooktest.Server) {
			ask(t, s, "getUpdates", "limit", "1", "timeout", "3")
			ask(t, s, "getUpdates", "limit", "1", "timeout", "3")
		}, nil},
		"a parameter that the method does not have": {func(t *testing.T, s *tghooktest.Server) {
			ask(t, s, "sendmessage", "chat_id", "1", "txt", "hi")
			ask(t, s, "getMe", "text", "hi")
			ask(t, s, "getMe", strings.Repeat("x", 200), "hi")
		}, []string{
			`sendMessage has no parameter "txt", so Telegram ignores it`,
			`getMe has no parameter "text", so Telegram ignores it`,
			`getMe has no parameter "` + strings.Repeat("x", 100) + `", so Telegram ignores it`,
		}},
		"a file that nothing refers to": {func(t *testing.T, s *tghooktest.Server) {
			require.Error(t, s.Bot(t).Call(t.Context(), "sendMediaGroup", params{"chat_id": 1, "media": []params{
				{"type": "photo", "media": tghook.File{Name: "a.jpg", Body: strings.NewReader("a")}},
				{"type": "photo", "media": tghook.File{Name: "b.jpg", Body: strings.NewReader("b")}},
			}, "pictures": tghook.File{Name: "c.jpg", Body: strings.NewReader("c")}}, nil))
		}, []string{`sendMediaGroup has no parameter "pictures", so Telegram ignores it`}},
		"older parameters, and a method that there is not": {func(t *testing.T, s *tghooktest.Server) {
			ask(t, s, "sendMessage", "chat_id", "1", "text", "hi", "reply_to_message_id", "1", "disable_web_page_preview", "true")
			ask(t, s, "kickChatMember", "chat_id", "1", "user_id", "1", "until_date", "0")
			ask(t, s, "sendMesage", "txt", "hi")
		}, nil},
		"an update that the bot did not ask for": {func(t *testing.T, s *tghooktest.Server) {
			ask(t, s, "setWebhook", "allowed_updates", `["poll"]`)
			s.User("Zoë").Chat().Send("hi")
		}, []string{"it does not get message, because its allowed_updates do not name it"}},
		"kinds that are not in Telegram's default": {func(_ *testing.T, s *tghooktest.Server) {
			team := s.User("Zoë").Join(s.Group("Team"))
			team.React(team.Send("hi"), "👍")
		}, []string{
			"it does not get chat_member, because its allowed_updates do not name it",
			"it does not get message_reaction, because its allowed_updates do not name it",
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, warned := started(t)
			for range 2 { // each warning comes once
				c.act(t, s)
				time.Sleep(time.Minute)
			}
			bot, _, _ := strings.Cut(s.Token, ":")
			want := make([]string, 0, len(c.want))
			for _, text := range c.want {
				want = append(want, "tghooktest: bot "+bot+": "+text)
			}
			assert.ElementsMatch(t, want, warned.list(), name)
		})
	}
}

func TestEachBotHasItsOwnWarnings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, warned := started(t)
		for _, b := range []*tghooktest.Server{s, add(t, s, tghooktest.BotConfig{})} {
			b.User("Zoë").Join(b.Group("Team"))
			synctest.Wait()
		}
		assert.Len(t, warned.list(), 2)
	})
}

// logs is a test that records what is logged.
type logs struct {
	testing.TB
	lines
}

func (l *logs) Logf(format string, args ...any) { l.add(fmt.Sprintf(format, args...)) }

func TestWarningsGoToTheLogOfTheTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var warned lines
		log := &logs{TB: t}
		s := tghooktest.NewServer(log, tghooktest.ServerConfig{InMemory: true, Warn: warned.add})
		s.User("Zoë").Join(s.Group("Team"))
		s.Close() // after the warnings
		require.Len(t, log.list(), 1)
		assert.Contains(t, log.list()[0], "it does not get chat_member")
		assert.Equal(t, log.list(), warned.list())
	})
}
