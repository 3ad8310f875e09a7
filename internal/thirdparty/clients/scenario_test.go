package clients_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// A task is what a bot does when a user says "/do <command>". It answers
// "<first word of command>: <result>".
type task struct{ command, result string }

// inPrivate are the tasks of a private chat.
var inPrivate = []task{
	{"html", "bold italic"},
	{"markdown", "bold code"},
	{"entities", "text_link"},
	{"preview", "https://example.org"},
	{"reply", "/do reply"},
	{"keyboard_gone", "No keyboard"},
	{"force_reply", "Your name?"},
	{"edit", "after"},
	{"edit_caption", "a new caption"},
	{"edit_media", "report.txt: a file now"},
	{"edit_markup", "there"},
	{"delete", "true"},
	{"photo", "true"},
	{"photo_by_id", "true"},
	{"photo_by_url", "true"},
	{"document", "report.txt"},
	{"stream", "8"},
	{"kinds", "video audio voice animation video_note sticker"},
	{"album", "true"},
	{"copy", "true"},
	{"forward", "user"},
	{"location", "48.5"},
	{"venue", "Town hall"},
	{"contact", "Ann"},
	{"dice", "🎯"},
	{"action", "true"},
	{"pin", "true"},
	{"stop_poll", "true"},
	{"react", "true"},
	{"commands", "Begin, then 0"},
	{"description", "It echoes"},
	{"me", "true"},
	{"invoice", "5 XTR"},
	{"link", "true"},
	{"chat", "private"},
	{"gift", "true"},
	{"menu", "commands"},
	{"draft", "true"},
	{"empty", "400 Bad Request: message text is empty"},
	{"nowhere", "400 Bad Request: chat not found"},
}

// inGroup are the tasks of a group. %d is the id of one of its members.
var inGroup = []task{
	{"chat", "supergroup"},
	{"members", "3"},
	{"member %d", "member"},
	{"administrators", "true"},
	{"restrict %d", "false"},
	{"ban %d", "kicked, then left"},
	{"title", "Another team"},
	{"invite", "3"},
}

// Some libraries call again by themselves after a 429.
var retry = []string{"node-telegram-bot-api"}

// An old library lacks the methods and updates that are newer than itself.
var lacks = map[string][]string{
	"python-telegram-bot": {"react", "description", "link", "gift", "draft", "topic", "business"},
}

func TestALibraryDoesEveryTask(t *testing.T) {
	t.Parallel()
	for name, run := range scenarios {
		for transport, webhook := range transports {
			t.Run(name+" by "+transport, func(t *testing.T) {
				t.Parallel()
				tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: patience})
				run(t, tg, webhook(t, tg))
				s := scene{tg: tg, zoe: tg.User("Zoë"), library: name}
				s.private(t)
				s.group(t)
				s.updates(t)
				s.business(t)
				s.refusals(t)
			})
		}
	}
}

// scene is a conversation with a bot that can do tasks.
type scene struct {
	tg      *tghooktest.Server
	zoe     *tghooktest.User
	library string
}

// do has the bot do tasks in a chat.
func (s scene) do(t *testing.T, chat *tghooktest.Chat, tasks ...task) {
	t.Helper()
	for _, task := range tasks {
		name, _, _ := strings.Cut(task.command, " ")
		if !s.has(name) {
			continue
		}
		chat.Send("/do " + task.command)
		chat.Expect(t, name+": "+task.result)
	}
}

// has reports whether the bot's library has what a task needs.
func (s scene) has(task string) bool { return !slices.Contains(lacks[s.library], task) }

func (s scene) private(t *testing.T) {
	t.Helper()
	chat := s.zoe.Chat()
	s.do(t, chat, inPrivate...)
	chat.Send("/do keyboard")
	chat.Expect(t, "Yes or no?")
	chat.Press("Yes")
	chat.Expect(t, "Yes")
	chat.Send("/start from-a-link")
	chat.Expect(t, "started with from-a-link")
}

func (s scene) group(t *testing.T) {
	t.Helper()
	team := s.tg.Group("Team")
	chat := s.zoe.Join(team)
	chat.Expect(t, "Zoë is member")
	ben := s.tg.User("Ben")
	ben.Join(team)
	chat.Expect(t, "Ben is member")
	for _, task := range inGroup {
		if strings.Contains(task.command, "%") {
			task.command = fmt.Sprintf(task.command, ben.ID)
		}
		s.do(t, chat, task)
	}
	s.do(t, chat, task{fmt.Sprintf("promote %d", s.zoe.ID), "Chief"})
	s.do(t, s.zoe.Join(s.tg.Forum("Support")), task{"topic", "true"})
}

// updates are those that a user causes by other acts than to write.
func (s scene) updates(t *testing.T) {
	t.Helper()
	chat := s.zoe.Chat()
	chat.SendLocation(48.5, 9.25)
	chat.Expect(t, "a location")
	chat.SendContact("+15550100")
	chat.Expect(t, "a contact")
	chat.SendDocument("report.txt", []byte("a report"))
	chat.Expect(t, "a document")
	tea := s.zoe.Inline("tea")
	tea.Expect(t)
	tea.Choose(0)
	chat.Expect(t, "chose 1")
	chat.Send("/do poll")
	chat.Vote(chat.Expect(t, "Tea?"), "No")
	chat.Expect(t, "voted 1")
	chat.Send("/do invoice")
	chat.Expect(t, "invoice: 5 XTR")
	said := chat.Messages()
	bill := slices.IndexFunc(said, func(m *tghooktest.Message) bool { return strings.Contains(string(m.Raw), `"invoice":`) })
	require.NoError(t, s.tg.SetSpeed(0.1)) // Telegram gives a bot ten seconds to confirm a payment
	said[bill].Pay().Expect(t)
	require.NoError(t, s.tg.SetSpeed(1))
	chat.Expect(t, "paid 5 XTR")
	if s.has("react") {
		chat.React(chat.Send("nice"), "👍")
		chat.Expect(t, "reacted 👍")
	}
}

// business is a customer's chat with the account of a user who has connected the bot.
func (s scene) business(t *testing.T) {
	t.Helper()
	if !s.has("business") {
		return
	}
	shop := s.tg.User("Ana").ConnectBusiness("can_reply").Chat(s.zoe)
	shop.Send("Are you open?")
	shop.Expect(t, "for the owner: Are you open?")
}

// refusals are errors that a bot sees.
func (s scene) refusals(t *testing.T) {
	t.Helper()
	chat, ben := s.zoe.Chat(), s.tg.User("Ben")
	ben.Block()
	s.do(t, chat, task{fmt.Sprintf("send_to %d", ben.ID), "403 Forbidden: bot was blocked by the user"})
	limited := "429 Too Many Requests: retry after 1"
	if slices.Contains(retry, s.library) {
		limited = "🎯"
	}
	s.tg.FailCalls(1, tghooktest.CallError{Code: http.StatusTooManyRequests, RetryAfter: time.Second}, "sendDice")
	s.do(t, chat, task{"dice", limited})
	s.tg.WaitDelivered(t)
}
