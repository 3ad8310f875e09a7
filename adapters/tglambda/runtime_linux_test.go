package tglambda_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for an event that must come.
const patience = 30 * time.Second

// service stands for AWS Lambda. It keeps one instance of a function, which gets its events
// by the Runtime API. The instance is frozen except while it has an event.
type service struct {
	tb  testing.TB
	bin string
	env []string

	mu      sync.Mutex // an instance has one event at a time
	timeout time.Duration
	serving *instance
	starts  int
	latest  time.Duration // the most by which an answer was later than the function's timeout
}

// deploy makes a service of bin and returns the address that invokes it.
func deploy(tb testing.TB, bin string, env ...string) (*service, function) {
	tb.Helper()
	s := &service{tb: tb, bin: bin, env: env, timeout: patience}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/function/invocations", s.invoke)
	front := httptest.NewServer(mux)
	tb.Cleanup(func() {
		front.Close()
		s.kill()
	})
	return s, function(front.URL + "/2015-03-31/functions/function/invocations")
}

// function is the URL of a function, which is invoked over HTTP as by AWS's API.
type function string

func (f function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, string(f), bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.Header.Get("X-Amz-Function-Error") != "" {
		err = errors.New(string(answer))
	}
	return answer, err
}

func (s *service) invoke(rw http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		s.tb.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving == nil {
		s.starts++
		s.serving = s.start()
	} else {
		s.serving.signal(syscall.SIGCONT)
	}
	answer, ok := s.serving.run(job{strconv.FormatInt(time.Now().UnixNano(), 10), payload, time.Now().Add(s.timeout)})
	s.latest = max(s.latest, answer.overrun)
	if !ok {
		s.serving = nil
		answer = result{failed: true, body: []byte(`{"errorType":"Runtime.ExitError"}`)}
	}
	if answer.failed {
		rw.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	_, _ = rw.Write(answer.body)
}

// setTimeout sets how long the function may take for an event.
func (s *service) setTimeout(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timeout = d
}

// overrun returns by how much the latest answer came too late.
func (s *service) overrun() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// instances returns how many instances were started.
func (s *service) instances() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts
}

// kill ends the instance, as AWS may do between any two events.
func (s *service) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving != nil {
		s.serving.signal(syscall.SIGKILL)
		want(s.tb, "end of a killed instance", s.serving.exited)
		s.serving.api.Close()
		s.serving = nil
	}
}

// instance is a process, and its side of the Runtime API.
type instance struct {
	tb      testing.TB
	process *os.Process
	api     *httptest.Server
	idle    chan struct{} // it has asked for the next event
	jobs    chan job
	results chan result
	exited  chan struct{}

	mu      sync.Mutex
	current job
}

type job struct {
	id       string
	payload  []byte
	deadline time.Time
}

type result struct {
	failed  bool
	body    []byte
	overrun time.Duration // by which it came after the deadline
}

func (s *service) start() *instance {
	i := &instance{tb: s.tb, idle: make(chan struct{}), jobs: make(chan job), results: make(chan result, 1), exited: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", i.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(rw http.ResponseWriter, r *http.Request) { i.accept(rw, r, false) })
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", func(rw http.ResponseWriter, r *http.Request) { i.accept(rw, r, true) })
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		i.tb.Errorf("init error: %s", body)
	})
	i.api = httptest.NewServer(mux)

	cmd := exec.CommandContext(context.WithoutCancel(s.tb.Context()), s.bin)
	cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(i.api.URL, "http://")}, s.env...)
	cmd.Stderr = s.tb.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.tb.Errorf("start: %v", err)
		close(i.exited)
		return i
	}
	i.process = cmd.Process
	go func() {
		_ = cmd.Wait()
		close(i.exited)
	}()
	i.isIdle()
	return i
}

// run has the instance handle a job and then freezes it. It returns false if the instance
// has exited meanwhile.
func (i *instance) run(j job) (result, bool) {
	i.mu.Lock()
	i.current = j
	i.mu.Unlock()
	giveUp := time.After(2 * patience)
	select {
	case i.jobs <- j:
	case <-i.exited:
		return result{}, false
	case <-giveUp:
		return i.giveUp("does not take the event")
	}
	select {
	case answer := <-i.results:
		if i.isIdle() {
			i.freeze()
		}
		return answer, true
	case <-i.exited:
		return result{}, false
	case <-giveUp:
		return i.giveUp("does not answer")
	}
}

func (i *instance) isIdle() bool {
	select {
	case <-i.idle:
		return true
	case <-i.exited:
		return false
	case <-time.After(patience):
		_, ok := i.giveUp("does not ask for an event")
		return ok
	}
}

// giveUp ends an instance that does not do what the test waits for.
func (i *instance) giveUp(problem string) (result, bool) {
	i.tb.Errorf("the instance %s", problem)
	i.signal(syscall.SIGKILL)
	return result{}, false
}

// next serves the instance's request for its next event, which ends the last one.
func (i *instance) next(rw http.ResponseWriter, r *http.Request) {
	select {
	case i.idle <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	select {
	case j := <-i.jobs:
		rw.Header().Set("Lambda-Runtime-Aws-Request-Id", j.id)
		rw.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(j.deadline.UnixMilli(), 10))
		rw.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-2:123456789012:function:function")
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(j.payload)
	case <-r.Context().Done():
	}
}

// accept takes the answer to the current job.
func (i *instance) accept(rw http.ResponseWriter, r *http.Request, failed bool) {
	body, err := io.ReadAll(r.Body)
	i.mu.Lock()
	j := i.current
	i.mu.Unlock()
	if err != nil || r.PathValue("id") != j.id {
		i.tb.Errorf("answer to %q while %q runs, %v", r.PathValue("id"), j.id, err)
	}
	rw.WriteHeader(http.StatusAccepted)
	i.results <- result{failed, body, time.Since(j.deadline)}
}

func (i *instance) signal(s syscall.Signal) {
	if i.process == nil {
		return
	}
	if err := syscall.Kill(-i.process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		i.tb.Errorf("%v: %v", s, err)
	}
}

// freeze stops the process and returns when each of its threads stands still.
func (i *instance) freeze() {
	i.signal(syscall.SIGSTOP)
	giveUp := time.After(patience)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !i.isFrozen() {
		select {
		case <-look.C:
		case <-i.exited:
			return
		case <-giveUp:
			i.tb.Error("the process does not stop")
			return
		}
	}
}

func (i *instance) isFrozen() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", i.process.Pid))
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			return false
		}
		_, state, _ := bytes.Cut(stat, []byte(") ")) // after the name
		if !bytes.HasPrefix(state, []byte("T")) {
			return false
		}
	}
	return len(threads) > 0
}
