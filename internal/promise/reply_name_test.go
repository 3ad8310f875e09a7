package promise_test

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// oddNames are names of files that a reader of multipart may change: Telegram decodes
// percent signs in them.
var oddNames = []string{
	"50%20off.txt", "100%.txt", "%", "%zz%4", "%25", "%2525.txt", "%2e%2e.txt", "%d0%9f.txt", "a+b c.txt", `a"b\c.txt`, "\u00fcber;x=y.txt",
}

func file(name, content string) tghook.File {
	return tghook.File{Name: name, Body: strings.NewReader(content)}
}

// documented are Params with a file, also in a place that refers to its part.
func documented(chat int64, name string) map[string]any {
	return map[string]any{
		"chat_id": chat, "document": file(name, "content"), "list%41": []any{map[string]any{"media": file(name, "second")}},
	}
}

// wantNames checks that the files of the only call of sendDocument arrived under one name.
func wantNames(t *testing.T, tg *rig.Telegram, name string) tghooktest.Call {
	t.Helper()
	calls := tg.Calls("sendDocument")
	require.Len(t, calls, 1, "calls")
	require.Len(t, calls[0].Files, 2, "files")
	assert.Equal(t, "content", string(calls[0].Files["document"].Content), "content")
	for part, f := range calls[0].Files {
		assert.Equalf(t, name, f.Name, "name of the file in the part %s", part)
	}
	assert.Contains(t, calls[0].Params, "list%41", "name of a part")
	return calls[0]
}

// answered has h answer a message at tg, and returns when Telegram knows.
func answered(t *testing.T, tg *rig.Telegram, cfg tghook.Config, h tghook.HandlerFunc) {
	t.Helper()
	cfg.Secret = rig.HookToken
	hook, err := tghook.New(h, cfg)
	require.NoError(t, err)
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: cfg.Secret})
	tg.User("Ann").Chat().Send("/start")
	tg.WaitDelivered(t)
}

func TestAFileArrivesUnderTheNameThatItWasGiven(t *testing.T) {
	for way, test := range map[string]func(t *testing.T, tg *rig.Telegram, name string){
		"in a webhook reply": func(t *testing.T, tg *rig.Telegram, name string) {
			answered(t, tg, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				return tghook.Reply{Method: "sendDocument", Params: documented(u.ChatID, name)}, nil
			})
			assert.True(t, wantNames(t, tg, name).Reply, "it is a webhook reply")
		},
		"in a reply by a Client": func(t *testing.T, tg *rig.Telegram, name string) {
			cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Caller: tg.Client(t, tghook.ClientConfig{}), AlwaysCall: true}}
			answered(t, tg, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				return tghook.Reply{Method: "sendDocument", Params: documented(u.ChatID, name)}, nil
			})
			assert.False(t, wantNames(t, tg, name).Reply, "it is a webhook reply")
		},
		"in a reply by another Caller": func(t *testing.T, tg *rig.Telegram, name string) {
			client := tg.Client(t, tghook.ClientConfig{})
			caller := rig.CallerFunc(func(ctx context.Context, method string, params any) error {
				assert.Equal(t, name, params.(map[string]any)["document"].(tghook.File).Name, "the Caller gets the name")
				return client.Call(ctx, method, params, nil)
			})
			cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Caller: caller, AlwaysCall: true}}
			answered(t, tg, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				return tghook.Reply{Method: "sendDocument", Params: documented(u.ChatID, name)}, nil
			})
			assert.False(t, wantNames(t, tg, name).Reply, "it is a webhook reply")
		},
		"in a call by a Client": func(t *testing.T, tg *rig.Telegram, name string) {
			chat := tg.User("Ann").Chat()
			chat.Send("/start")
			require.NoError(t, tg.Client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", documented(chat.ID, name), nil))
			wantNames(t, tg, name)
		},
	} {
		for _, name := range oddNames {
			t.Run(fmt.Sprintf("%s: %q", way, name), func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) { test(t, rig.NewServer(t, false), name) })
			})
		}
	}
}

// namedForm is the multipart body that a library makes for a file, with its name as it
// stands there.
func namedForm(t *testing.T, chat int64, name string) (contentType string, body []byte) {
	t.Helper()
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	require.NoError(t, w.WriteField("chat_id", strconv.FormatInt(chat, 10)))
	part, err := w.CreateFormFile("photo", name)
	require.NoError(t, err)
	_, err = part.Write([]byte("\xff\xd8\xff the start of a JPEG"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return w.FormDataContentType(), buffer.Bytes()
}

// A library's own multipart means to Telegram what it means without a ReplyTransport, also
// where the call is encoded anew.
func TestALibrarysNamesMeanWhatTheyMeanToTelegram(t *testing.T) {
	const fileName, meant = "50%20off %2520 %.txt", "50 off %20 %.txt"
	library := func(t *testing.T, tg *rig.Telegram) rig.Library {
		transport := &tghook.ReplyTransport{Base: tg, Client: tg.Client(t, tghook.ClientConfig{})}
		return rig.Library{Client: &http.Client{Transport: transport}, Base: tg.URL + "/bot" + tg.Token + "/"}
	}
	call := func(ctx context.Context, t *testing.T, lib rig.Library, chat int64) error {
		contentType, body := namedForm(t, chat, fileName)
		_, err := lib.Post(ctx, "setChatPhoto", contentType, bytes.NewReader(body))
		return err
	}
	for name, test := range map[string]struct {
		rides, refused int // how many of the calls
		moved          bool
		then           func(ctx context.Context, lib rig.Library) error
	}{
		"in the response": {rides: 1},
		"made after all": {then: func(ctx context.Context, lib rig.Library) error {
			_, err := lib.Post(ctx, "getMe", "application/json", strings.NewReader("{}"))
			return err
		}},
		"made again for the supergroup": {refused: 1, moved: true, then: func(ctx context.Context, lib rig.Library) error {
			_, err := lib.Post(ctx, "getMe", "application/json", strings.NewReader("{}"))
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				tg := rig.NewServer(t, false)
				group := tg.User("Ann").Join(tg.Group("Team")).ID
				chat := group
				if test.moved {
					chat = -5
					tg.FailCalls(1, tghooktest.CallError{Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat", MigrateTo: group}, "setChatPhoto")
				}
				lib := library(t, tg)
				answered(t, tg, rig.LibraryConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					if u.ChatID != u.UserID { // that Ann has joined
						return tghook.NoReply, nil
					}
					err := call(ctx, t, lib, chat)
					if err == nil && test.then != nil {
						err = test.then(ctx, lib)
					}
					return tghook.NoReply, err
				})
				calls := tg.Calls("setChatPhoto")
				require.Len(t, calls, 1+test.refused, "calls")
				rode := 0
				for _, c := range calls {
					assert.Equal(t, meant, c.Files["photo"].Name, "name")
					if c.Reply {
						rode++
					}
				}
				assert.Equal(t, test.rides, rode, "webhook replies")
			})
		})
	}
}

func TestDoReturnsTheNameThatTelegramWouldRead(t *testing.T) {
	t.Parallel()
	contentType, body := namedForm(t, 7, "50%20off %2520 %.txt")
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, &rig.BotAPI{})
	c := rig.NewDispatcher(t, rig.ForBot(tghook.DispatchConfig{}), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		_, err := lib.Post(ctx, "setChatPhoto", contentType, bytes.NewReader(body))
		return tghook.NoReply, err
	})
	reply, err := c.Do(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1)))
	require.NoError(t, err)
	assert.Equal(t, "50 off %20 %.txt", reply.Params.(map[string]any)["photo"].(tghook.File).Name, "name")
}
