package export_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/export"
	"github.com/tghook/tghook/tghooktest"
)

// everything is a session with all that the sample bot knows.
func everything(t *testing.T, tg *tghooktest.Server) {
	t.Helper()
	zoe := tg.NewUser(tghooktest.UserConfig{Name: "Zoë Núñez", Username: "zoe_n", Language: "es"})
	chat := zoe.Chat()
	chat.Send("/start")
	menu := chat.Expect(t, "Hello, Zoë!")
	menu.Press("Tea \"green\"").Expect(t, "OK, tea")
	chat.Expect(t, "Your tea")
	said := chat.Send("one `\" \\ ${2} */ \n two\u2028 🫖")
	chat.Expect(t, "You said one `\" \\ ${2} */ \n two\u2028 🫖")
	chat.Edit(said, "three")
	chat.Expect(t, "You changed it")
	chat.SendPhoto("", picture)
	yours := chat.Expect(t, "Yours")
	chat.React(yours, "👍")
	chat.Expect(t, "You like it")
	chat.Send("/pay")
	chat.Expect(t, "").Pay(tghooktest.Order{Name: "Zoë", Shipping: "Bike"}).Expect(t)
	chat.Expect(t, "Thanks for the money.")
	chat.Send("/poll")
	lunch := chat.Expect(t, "Lunch?")
	chat.Vote(lunch, "Pie")
	chat.Expect(t, "You have voted")
	chat.Send("/wrong")
	chat.Expect(t, "It failed: true")
	found := zoe.Inline("letters")
	found.Expect(t)
	found.Choose(1)
	chat.Send("/gone")
	tg.ExpectCall(t, "deleteMessage")
	chat.SendLocation(52.5, 13.25)
	chat.Expect(t, "You said")
	team := tg.Group("Team")
	zoeTeam := zoe.Join(team)
	zoeTeam.Expect(t, "You said")
	ben := tg.User("Ben").Join(team)
	ben.Expect(t, "You said")
	ben.Send("hi")
	ben.Expect(t, "You said hi")
	zoe.Block()
	zoe.Unblock()
}

// together is a session of several users with all that they can send, in groups and topics,
// and with calls that fail on purpose.
func together(t *testing.T, tg *tghooktest.Server) {
	t.Helper()
	zoe, ben := tg.User("Zoë"), tg.User("Ben")
	chat := zoe.Chat()
	says := func(c *tghooktest.Chat, text string) *tghooktest.Message {
		m := c.Expect(t, text)
		tg.WaitDelivered(t)
		return m
	}
	chat.Send("hello")
	hello := says(chat, "You said hello")
	chat.Reply(hello, "to you")
	says(chat, "You said to you")
	chat.SendAlbum(picture, picture)
	says(chat, "Yours")
	says(chat, "Yours")
	chat.SendDocument("notes \"x\".txt", []byte("some notes"))
	says(chat, "You said")
	chat.SendVoice(2*time.Second, []byte("OggS"))
	says(chat, "You said")
	chat.SendSticker("🫖", []byte("RIFF"))
	says(chat, "You said")
	chat.SendContact("+351 911")
	says(chat, "You said")
	chat.SendVenue("Café", "Rua 1", 38.5, -9.25)
	says(chat, "You said")
	chat.SendDice("🎯")
	says(chat, "You said")
	chat.SendPoll("Tea?", "Yes", "No")
	says(chat, "You said")

	forum := tg.Forum("Support")
	zoeForum := zoe.Join(forum)
	says(zoeForum, "You said")
	topic := zoeForum.OpenTopic("Ticket 7")
	says(topic, "You said")
	topic.Send("It does not start.")
	says(topic, "You said It does not start.")
	benForum := ben.Join(forum)
	says(benForum, "You said")
	benForum.Topic("Ticket 7").Send("Nor mine.")
	says(topic, "You said Nor mine.")
	topic.CloseTopic()
	says(topic, "You said")
	ben.Leave(forum)
	says(zoeForum, "You said")
	zoe.SetBot(forum, tghooktest.BotMember)
	tg.WaitDelivered(t)
	zoe.Block()
	zoe.Unblock()

	tg.FailCalls(1, tghooktest.CallError{Code: 400, Description: "Bad Request: chat is odd"}, "sendMessage")
	chat.Send("/wrong") // it calls twice; the first fails on purpose, as it would by itself
	says(chat, "It failed: true")
}

var picture = []byte("\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\xdac8!'\x07\x00\x02\xb6\x01\x05\x0a[\xa6\x06\x00\x00\x00\x00IEND\xaeB`\x82")

// write returns the export in a format.
func write(t *testing.T, f export.Format, s export.Session) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, export.Write(&b, f, s))
	return b.Bytes()
}

// goModule puts the test in a module of its own that needs tghook, as a user has it.
func goModule(t *testing.T, source []byte) string {
	t.Helper()
	root, err := filepath.Abs("../../../..")
	require.NoError(t, err)
	dir := t.TempDir()
	put := func(name string, content []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	put("go.mod", []byte("module example.org/bot\n\ngo 1.25.0\n\nrequire github.com/tghook/tghook v0.0.0\n\nreplace github.com/tghook/tghook => "+root+"\n"))
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	put("go.sum", sum)
	put("session_test.go", source)
	return dir
}

// run runs a program in a directory and returns what it printed, and whether it succeeded.
func run(t *testing.T, dir string, env []string, name string, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

var goEnv = []string{"GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off"}

func TestTheGoTestPassesWithTheBotAndFailsWithABrokenOne(t *testing.T) {
	s := session(t, everything)
	dir := goModule(t, write(t, export.Go, s))
	out, ok := run(t, dir, goEnv, "go", "vet", ".")
	require.True(t, ok, out)
	out, ok = run(t, dir, goEnv, "go", "test", "-count=1", ".")
	require.True(t, ok, out)
	for broken, says := range map[string]string{
		"text": "the bot did not say", "answer": "did not answer the press", "more": "the bot called sendMessage 14 times, want 13",
	} {
		out, ok = run(t, dir, append(goEnv, "EXPORT_TEST_BREAK="+broken), "go", "test", "-count=1", ".")
		require.False(t, ok, out)
		require.Contains(t, out, says)
	}
}

func TestTheGoTestOfAGroupPasses(t *testing.T) {
	dir := goModule(t, write(t, export.Go, session(t, together)))
	out, ok := run(t, dir, goEnv, "go", "vet", ".")
	require.True(t, ok, out)
	out, ok = run(t, dir, goEnv, "go", "test", "-count=1", ".")
	require.True(t, ok, out)
}
