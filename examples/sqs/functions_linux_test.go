package sqs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/internal/test/fakesqs"
	"github.com/tghook/tghook/tghooktest"
)

const (
	secret   = "s3cret"
	patience = 30 * time.Second
)

// Both functions run as AWS runs them: programs that get events by the Runtime API. The test
// is the function URL, and what polls the queue for the worker.
func TestBot(t *testing.T) {
	tg, service, receiver, source := start(t)
	chat := tg.User("Zoë").Chat()
	chat.Send("Hello")
	chat.Send("Are you there?")
	require.Eventually(t, func() bool { return len(service.Messages("updates.fifo")) == 2 }, patience, time.Millisecond)
	require.Empty(t, tg.Calls("sendMessage"), "the receiver does not answer")
	m := service.Messages("updates.fifo")[0]
	require.Equal(t, "chat:"+strconv.FormatInt(chat.ID, 10), m.Attributes["MessageGroupId"])
	require.Empty(t, source.poll())
	chat.Expect(t, "You said: Hello")
	chat.Expect(t, "You said: Are you there?")
	require.Empty(t, service.Messages("updates.fifo"))

	// A message that is not an update holds up its own group alone.
	source.send("poison", "group", "no update")
	source.send("behind", "group", m.Body)
	chat.Send("Still there?")
	require.Eventually(t, func() bool { return len(service.Messages("updates.fifo")) == 3 }, patience, time.Millisecond)
	require.Equal(t, []string{"no update", m.Body}, source.poll())
	chat.Expect(t, "You said: Still there?")
	require.Len(t, service.Messages("updates.fifo"), 2)

	// Nobody else may send updates.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tgURL(t, receiver), strings.NewReader(`{"update_id":1,"message":{}}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.Len(t, service.Messages("updates.fifo"), 2)
}

// SQS has forgotten an update when Telegram delivers it again. Other instances of both functions
// get it then.
func TestAnUpdateThatIsInTheQueueAgainIsHandledOnce(t *testing.T) {
	tg, service, receiver, source := start(t)
	forgotten := make(chan struct{})
	tg.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
		if d.Attempt > 1 {
			select {
			case <-forgotten:
			case <-t.Context().Done():
			}
		}
		return tghooktest.DeliveryFault{CutAfter: d.Attempt == 1}
	})
	chat := tg.User("Zoë").Chat()
	chat.Send("Hello")
	require.Eventually(t, func() bool { return len(service.Messages("updates.fifo")) == 1 }, patience, time.Millisecond)
	require.Empty(t, source.poll())
	chat.Expect(t, "You said: Hello")
	require.Empty(t, service.Messages("updates.fifo"))

	service.Advance(5 * time.Minute)
	receiver.replace()
	source.worker.replace()
	close(forgotten)
	tg.WaitDelivered(t)
	require.Len(t, service.Messages("updates.fifo"), 1)
	require.Empty(t, source.poll())
	require.Empty(t, service.Messages("updates.fifo"))
	require.Len(t, tg.Calls("sendMessage"), 1)
}

// start deploys the bot, and sets its webhook.
func start(t *testing.T) (*tghooktest.Server, *fakesqs.Server, *function, *eventSource) {
	t.Helper()
	redis := engine.Redis(t, engine.RedisConfig{})
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: patience})
	service := fakesqs.New(t)
	queue := service.Queue("updates.fifo", nil)
	bot, _, _ := strings.Cut(tg.Token, ":")
	environment := []string{
		"AWS_REGION=us-east-2", "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_ENDPOINT_URL_SQS=" + service.URL,
		"AWS_ENDPOINT_URL_SSM=" + parameters(t, map[string]string{"/tghook/token": tg.Token, "/tghook/secret": secret, "/tghook/store": redis.URL}),
	}
	receiver := deploy(t, "./receiver", append(environment, "BOT_ID="+bot, "QUEUE_URL="+queue, "SECRET_PARAMETER=/tghook/secret"))
	worker := deploy(t, "./worker", append(environment, "TOKEN_PARAMETER=/tghook/token", "STORE_PARAMETER=/tghook/store", "TELEGRAM_API_URL="+tg.URL))
	tg.Webhook(t, functionURL(t, receiver), tghook.WebhookRequest{SecretToken: secret})
	return tg, service, receiver, &eventSource{t: t, worker: worker, url: queue, client: sqs.New(sqs.Options{
		Region: "us-east-2", BaseEndpoint: &service.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	})}
}

func tgURL(t *testing.T, f *function) string {
	t.Helper()
	server := httptest.NewServer(functionURL(t, f))
	t.Cleanup(server.Close)
	return server.URL
}

// parameters is the Parameter Store. It returns its URL.
func parameters(t *testing.T, values map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var request struct {
			Name           string `json:"Name"`
			WithDecryption bool   `json:"WithDecryption"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || r.Header.Get("X-Amz-Target") != "AmazonSSM.GetParameter" || !request.WithDecryption {
			t.Errorf("%s %+v: %v", r.Header.Get("X-Amz-Target"), request, err)
		}
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(rw).Encode(map[string]any{"Parameter": map[string]string{"Name": request.Name, "Value": values[request.Name]}})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// function is a program that runs as a function of AWS Lambda, in one instance.
type function struct {
	t           *testing.T
	program     string
	environment []string
	events      chan []byte
	answers     chan []byte
	stop        func()
}

// deploy builds a program and starts it.
func deploy(t *testing.T, folder string, environment []string) *function {
	t.Helper()
	f := &function{
		t: t, program: filepath.Join(t.TempDir(), "bootstrap"), environment: slices.Clone(environment),
		events: make(chan []byte), answers: make(chan []byte, 1),
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", f.program, folder).CombinedOutput()
	require.NoError(t, err, "%s", out)
	f.start()
	t.Cleanup(func() { f.stop() })
	return f
}

// start starts an instance.
func (f *function) start() {
	f.t.Helper()
	api := httptest.NewServer(f)
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	cmd := exec.CommandContext(ctx, f.program)
	cmd.Env = append(slices.Clone(f.environment), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	cmd.Stderr, cmd.SysProcAttr = f.t.Output(), &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	f.stop = func() {
		cancel()
		_ = cmd.Wait()
		api.Close()
	}
	require.NoError(f.t, cmd.Start())
}

// replace ends the instance, and starts another one.
func (f *function) replace() {
	f.t.Helper()
	f.stop()
	f.start()
}

// ServeHTTP is the Runtime API.
func (f *function) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/invocation/next") {
		select {
		case event := <-f.events:
			rw.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			rw.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
			_, _ = rw.Write(event)
		case <-r.Context().Done():
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/invocation/1/response") {
		f.t.Errorf("%s: %s, %v", r.URL.Path, body, err)
	}
	rw.WriteHeader(http.StatusAccepted)
	f.answers <- body
}

// invoke gives the function an event, and returns its answer.
func (f *function) invoke(event any) (answer []byte) {
	text, err := json.Marshal(event)
	if err != nil {
		f.t.Error(err)
	}
	late := time.After(patience)
	select {
	case f.events <- text:
	case <-late:
		f.t.Error("the function does not take an event")
		return nil
	}
	select {
	case answer = <-f.answers:
	case <-late:
		f.t.Error("the function does not answer")
	}
	return answer
}

// functionURL invokes a function for each request.
func functionURL(t *testing.T, f *function) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		headers := map[string]string{}
		for name := range r.Header {
			headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		var answer struct {
			StatusCode int               `json:"statusCode"`
			Headers    map[string]string `json:"headers"`
			Body       string            `json:"body"`
		}
		text := f.invoke(map[string]any{
			"version": "2.0", "rawPath": r.URL.Path, "headers": headers, "body": string(body), "isBase64Encoded": false,
			"requestContext": map[string]any{"domainName": "x.lambda-url.us-east-2.on.aws", "http": map[string]string{"method": r.Method, "path": r.URL.Path, "sourceIp": "149.154.167.220"}},
		})
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for name, value := range answer.Headers {
			rw.Header().Set(name, value)
		}
		rw.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(rw, bytes.NewReader([]byte(answer.Body)))
	})
}

// eventSource is what AWS Lambda runs between a queue and a function.
type eventSource struct {
	t      *testing.T
	worker *function
	client *sqs.Client
	url    string
}

func (s *eventSource) send(id, group, body string) {
	s.t.Helper()
	_, err := s.client.SendMessageBatch(s.t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &s.url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("1"), MessageBody: &body, MessageDeduplicationId: &id, MessageGroupId: &group},
	}})
	require.NoError(s.t, err)
}

// poll gives the worker one batch, and returns the bodies that it did not handle.
func (s *eventSource) poll() (failed []string) {
	s.t.Helper()
	out, err := s.client.ReceiveMessage(s.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &s.url, MaxNumberOfMessages: 10, MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	require.NoError(s.t, err)
	records := make([]map[string]any, len(out.Messages))
	for i, m := range out.Messages {
		records[i] = map[string]any{
			"messageId": m.MessageId, "receiptHandle": m.ReceiptHandle, "body": m.Body, "attributes": m.Attributes,
			"messageAttributes": map[string]any{}, "md5OfBody": m.MD5OfBody, "eventSource": "aws:sqs", "eventSourceARN": fakesqs.ARN("updates.fifo"), "awsRegion": "us-east-2",
		}
	}
	var answer struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	require.NoError(s.t, json.Unmarshal(s.worker.invoke(map[string]any{"Records": records}), &answer))
	unhandled := map[string]bool{}
	for _, f := range answer.BatchItemFailures {
		unhandled[f.ItemIdentifier] = true
	}
	for _, m := range out.Messages {
		if unhandled[*m.MessageId] {
			failed = append(failed, *m.Body)
			continue
		}
		_, err := s.client.DeleteMessage(s.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &s.url, ReceiptHandle: m.ReceiptHandle})
		require.NoError(s.t, err)
	}
	return failed
}
