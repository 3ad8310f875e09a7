package tghooktest_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestCallsAreThoseThatWereMade(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		later()
		at := s.Now()
		ask(t, s, "GETME")
		ask(t, s, "getUpdates")
		ask(t, s, "none")
		ask(t, s, "sendChatAction", "chat_id", "1", "chat_id", "1")
		assert.Equal(t, []string{"getMe", "none", "sendChatAction"}, methods(s.Calls()), "all")
		assert.Equal(t, []string{"getUpdates", "sendChatAction"}, methods(s.Calls("sendchataction", "getUpdates")), "some")
		first := s.Calls("getMe")[0]
		assert.Equal(t, at, first.At, "at")
		assert.Nil(t, first.Err)
		assert.True(t, strings.HasPrefix(string(first.Result), `{"id":`))
		assert.Equal(t, tghooktest.CallError{Code: 404, Description: "Not Found: method not found"}, *s.Calls()[1].Err, "one that is none")
	})
}

func TestFilesOfACallAreKept(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.User("Zoë").Chat().Send("hi")
		err := s.Bot(t).Call(t.Context(), "sendDocument", map[string]any{
			"chat_id": s.User("Zoë").ID, "document": tghook.File{Name: "a.txt", Body: strings.NewReader("hello")},
		}, nil)
		require.NoError(t, err)
		files := s.ExpectCall(t, "sendDocument").Files
		assert.Len(t, files, 1, "files")
		assert.Equal(t, []string{"a.txt", "hello"}, []string{files["document"].Name, string(files["document"].Content)}, "file")

		var body bytes.Buffer // in the form of libraries that attach every file
		form := multipart.NewWriter(&body)
		part, _ := form.CreateFormFile("f1", "b.txt")
		_, _ = part.Write([]byte("hello again"))
		_ = form.WriteField("document", "attach://f1")
		_ = form.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/bot"+s.Token+"/sendDocument", &body)
		require.NoError(t, err)
		req.Header.Set("Content-Type", form.FormDataContentType())
		res, err := s.Client().Do(req)
		require.NoError(t, err)
		_ = res.Body.Close()
		files = s.ExpectCall(t, "sendDocument").Files
		assert.Len(t, files, 1, "attached files")
		assert.Equal(t, []string{"b.txt", "hello again"}, []string{files["document"].Name, string(files["document"].Content)}, "attached file")
	})
}

// Telegram undoes percent-encoding in a name. The sender must encode a name with a percent
// sign.
func TestNamesOfUploadsArriveAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		names := []string{`a;b.txt`, `"quoted" 'too'.txt`, `back\slash\.txt`, `\"`, `f=g; filename="h".txt`, "\u0417\u043e\u044f \U0001f389.txt", `a+b&c.txt`}
		upload := func(name string) tghook.Reply {
			return tghook.Reply{Method: "sendDocument", Params: map[string]any{
				"chat_id": s.User("Zoë").ID, "document": tghook.File{Name: name, Body: strings.NewReader(name)},
			}}
		}
		s.Webhook(t, webhook(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			var s said
			err := u.Decode(&s)
			return upload(s.Message.Text), err
		}), tghook.WebhookRequest{SecretToken: secret})
		arrived := func(how, name string) {
			t.Helper()
			call := s.ExpectCall(t, "sendDocument")
			file := call.Files["document"]
			assert.Equal(t, []string{name, name}, []string{file.Name, string(file.Content)}, how)
		}
		chat := s.User("Zoë").Chat()
		for _, name := range names {
			chat.Send(name)
			arrived("in a response", name)
			up := upload(name)
			require.NoError(t, s.Bot(t).Call(t.Context(), up.Method, up.Params, nil))
			arrived("by a call", name)
		}
	})
}

func TestExpectCallWaitsForTheNext(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Patience: time.Minute}, func(t *testing.T, s *tghooktest.Server) {
		go func() {
			for _, action := range []string{"typing", "upload_photo"} {
				time.Sleep(30 * time.Second)
				ask(t, s, "sendChatAction", "action", action)
				ask(t, s, "getMe")
			}
		}()
		assert.Equal(t, "typing", s.ExpectCall(t, "sendChatAction").Params["action"], "first")
		assert.Equal(t, "upload_photo", s.ExpectCall(t, "sendchataction").Params["action"], "second")
		begin := s.Now()
		failed := failure(t, func(tb testing.TB) { s.ExpectCall(tb, "sendChatAction") })
		assert.Equal(t, "tghooktest: the bot did not call sendChatAction within 1m0s; "+
			"it called sendChatAction (400 Bad Request: chat_id is empty), getMe, sendChatAction (400 Bad Request: chat_id is empty), getMe", failed, "third")
		assert.Equal(t, time.Minute, s.Now().Sub(begin), "it took")
		assert.Equal(t, "getMe", s.ExpectCall(t, "getMe").Method, "another")
	})
}

func TestExpectCallTellsOfTheLastCallsAtMost(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		assert.Equal(t, "tghooktest: the bot did not call getChat within 10s; it called nothing", failure(t, func(tb testing.TB) { s.ExpectCall(tb, "getChat") }), "failure")
		for range 20 {
			ask(t, s, "getMe")
			ask(t, s, "getWebhookInfo")
		}
		assert.Equal(t, "tghooktest: the bot did not call getChat within 10s; at last it called "+strings.Repeat("getMe, getWebhookInfo, ", 9)+"getMe, getWebhookInfo", failure(t, func(tb testing.TB) { s.ExpectCall(tb, "getChat") }), "failure")
	})
}

func TestWhatIsNotSimulatedIsAnsweredAsSet(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.Answer("getstickerset", map[string]string{"name": "Zoë"})
		assert.Equal(t, `200 {"ok":true,"result":{"name":"Zo\u00eb"}}`, ask(t, s, "getStickerSet", "name", "x"), "answer")
	})
}

func TestAFileIsDownloaded(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		chat.SendDocument("a.txt", []byte("hello, file"))
		updates := ask(t, s, "getUpdates")
		_, id, _ := strings.Cut(updates, `"file_id":"`)
		id, _, _ = strings.Cut(id, `"`)
		var file struct {
			Path string `json:"file_path"`
		}
		require.NoError(t, s.Bot(t).Call(t.Context(), "getFile", map[string]any{"file_id": id}, &file))
		get := func(path, rang string) string {
			r := request(t, s, path)
			if rang != "" {
				r.Header.Set("Range", rang)
			}
			return do(t, s, r)
		}
		assert.Equal(t, "200 hello, file", get("/file/bot"+s.Token+"/"+file.Path, ""), "file")
		assert.Equal(t, "200 hello, file", get("/file/bot"+s.Token+"/test/"+file.Path, ""), "of the test servers")
		assert.Equal(t, "206 file", get("/file/bot"+s.Token+"/"+file.Path, "bytes=7-"), "a part")
		assert.Equal(t, refused(404, "Not Found"), get("/file/bot1:stand_in_token/"+file.Path, ""), "another bot's")
		assert.Equal(t, refused(404, "Not Found"), get("/file/bot"+s.Token+"/none", ""), "none")
	})
}
