package tghook_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

func TestAMethodThatIsNoneIsToldOnceWithTheNearest(t *testing.T) {
	t.Parallel()
	const text = "a method that is not in Bot API"
	log, logged := rig.Logger()
	method := ""
	r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Logger: log, Bot: 5, Caller: new(rig.Caller)}},
		func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.Reply{Method: method}, nil })
	id := int64(0)
	reply := func(name string) {
		method = name
		id++
		r.Post(rig.MessageIn(id, id))
	}
	table, err := os.ReadFile("tghooktest/internal/botapi/methods.tsv")
	require.NoError(t, err)
	known := 0
	for line := range strings.Lines(string(table)) {
		name, _, _ := strings.Cut(line, "\t")
		if name == "method" {
			continue
		}
		known++
		reply(name)
		reply(strings.ToUpper(name))
	}
	if known < 180 {
		t.Errorf("%d methods are known to tghooktest", known)
	}
	assert.Nil(t, rig.Warnings(logged, text, "method"), "of those that are known")
	for range 3 {
		for _, name := range []string{"sendMesage", "SendMesssage", "answerCallback", "frobnicate"} {
			reply(name)
		}
	}
	assert.Equal(t, []string{
		"sendMesage sendMessage 5", "SendMesssage sendMessage 5", "answerCallback answerCallbackQuery 5", "frobnicate  5",
	}, rig.Warnings(logged, text, "method", "nearest", "bot"), "of others")
	assert.Equal(t, tghook.OutcomeReplied, r.Last().Outcome, "answers")
	for i := range 300 {
		reply("frobnicate" + strings.Repeat("x", i+1))
	}
	if n := len(rig.Warnings(logged, text, "method")); n != 100 {
		t.Errorf("%d names are remembered", n)
	}
}

func TestANilClientIsAMistake(t *testing.T) {
	t.Parallel()
	var c *tghook.Client
	dispatch := tghook.DispatchConfig{Caller: c}
	_, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Secret: rig.HookSecret, Dispatch: dispatch})
	assert.Equal(t, []string{"Config.Dispatch.Caller"}, rig.Mistaken(t, err), "of a webhook")
	_, err = tghook.NewDispatcher(tghook.HandlerFunc(rig.Nothing), dispatch)
	assert.Equal(t, []string{"DispatchConfig.Caller"}, rig.Mistaken(t, err), "of a dispatcher")
	err = tghook.Poll(t.Context(), rig.NewClient(t, tghook.ClientConfig{}), tghook.HandlerFunc(rig.Nothing), tghook.PollConfig{Dispatch: dispatch})
	assert.Equal(t, []string{"PollConfig.Dispatch.Caller"}, rig.Mistaken(t, err), "of a poll")
}
