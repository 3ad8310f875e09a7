package tghooktest_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

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
		same(t, "all", methods(s.Calls()), []string{"getMe", "none", "sendChatAction"})
		same(t, "some", methods(s.Calls("sendchataction", "getUpdates")), []string{"getUpdates", "sendChatAction"})
		first := s.Calls("getMe")[0]
		same(t, "at", first.At, at)
		if first.Err != nil || !strings.HasPrefix(string(first.Result), `{"id":`) {
			t.Errorf("%+v", first)
		}
		same(t, "one that is none", *s.Calls()[1].Err, tghooktest.CallError{Code: 404, Description: "Not Found: method not found"})
	})
}

func TestFilesOfACallAreKept(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.User("Zoë").Chat().Send("hi")
		err := s.Bot(t).Call(t.Context(), "sendDocument", map[string]any{
			"chat_id": s.User("Zoë").ID, "document": tghook.File{Name: "a.txt", Body: strings.NewReader("hello")},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		files := s.ExpectCall(t, "sendDocument").Files
		same(t, "files", len(files), 1)
		same(t, "file", []string{files["document"].Name, string(files["document"].Content)}, []string{"a.txt", "hello"})

		var body bytes.Buffer // as libraries write it that attach every file
		form := multipart.NewWriter(&body)
		part, _ := form.CreateFormFile("f1", "b.txt")
		_, _ = part.Write([]byte("hello again"))
		_ = form.WriteField("document", "attach://f1")
		_ = form.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/bot"+s.Token+"/sendDocument", &body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", form.FormDataContentType())
		res, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		files = s.ExpectCall(t, "sendDocument").Files
		same(t, "attached files", len(files), 1)
		same(t, "attached file", []string{files["document"].Name, string(files["document"].Content)}, []string{"b.txt", "hello again"})
	})
}

// Telegram undoes percent-encoding in a name: that of a name with a percent sign is the
// sender's to encode.
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
			same(t, how, []string{file.Name, string(file.Content)}, []string{name, name})
		}
		chat := s.User("Zoë").Chat()
		for _, name := range names {
			chat.Send(name)
			arrived("in a response", name)
			up := upload(name)
			if err := s.Bot(t).Call(t.Context(), up.Method, up.Params, nil); err != nil {
				t.Fatal(err)
			}
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
		same(t, "first", s.ExpectCall(t, "sendChatAction").Params["action"], "typing")
		same(t, "second", s.ExpectCall(t, "sendchataction").Params["action"], "upload_photo")
		begin := s.Now()
		failed := failure(t, func(tb testing.TB) { s.ExpectCall(tb, "sendChatAction") })
		same(t, "third", failed, "tghooktest: the bot did not call sendChatAction within 1m0s; "+
			"it called sendChatAction (400 Bad Request: chat_id is empty), getMe, sendChatAction (400 Bad Request: chat_id is empty), getMe")
		same(t, "it took", s.Now().Sub(begin), time.Minute)
		same(t, "another", s.ExpectCall(t, "getMe").Method, "getMe")
	})
}

func TestExpectCallTellsOfTheLastCallsAtMost(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		same(t, "failure", failure(t, func(tb testing.TB) { s.ExpectCall(tb, "getChat") }),
			"tghooktest: the bot did not call getChat within 10s; it called nothing")
		for range 20 {
			ask(t, s, "getMe")
			ask(t, s, "getWebhookInfo")
		}
		same(t, "failure", failure(t, func(tb testing.TB) { s.ExpectCall(tb, "getChat") }),
			"tghooktest: the bot did not call getChat within 10s; at last it called "+strings.Repeat("getMe, getWebhookInfo, ", 9)+"getMe, getWebhookInfo")
	})
}

func TestWhatIsNotSimulatedIsAnsweredAsSet(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.Answer("getstickerset", map[string]string{"name": "Zoë"})
		same(t, "answer", ask(t, s, "getStickerSet", "name", "x"), `200 {"ok":true,"result":{"name":"Zo\u00eb"}}`)
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
		if err := s.Bot(t).Call(t.Context(), "getFile", map[string]any{"file_id": id}, &file); err != nil {
			t.Fatal(err)
		}
		get := func(path, rang string) string {
			r := request(t, s, path)
			if rang != "" {
				r.Header.Set("Range", rang)
			}
			return do(t, s, r)
		}
		same(t, "file", get("/file/bot"+s.Token+"/"+file.Path, ""), "200 hello, file")
		same(t, "of the test servers", get("/file/bot"+s.Token+"/test/"+file.Path, ""), "200 hello, file")
		same(t, "a part", get("/file/bot"+s.Token+"/"+file.Path, "bytes=7-"), "206 file")
		same(t, "another bot's", get("/file/bot1:stand_in_token/"+file.Path, ""), refused(404, "Not Found"))
		same(t, "none", get("/file/bot"+s.Token+"/none", ""), refused(404, "Not Found"))
	})
}
