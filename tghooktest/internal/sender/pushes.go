package sender

import "github.com/tghook/tghook/tghooktest/internal/queue"

// pushes notices the updates that are added to a Queue, one after the other. Telegram's
// sender hears of each of them.
type pushes struct {
	queue *queue.Queue
	seen  int64           // id of the newest update that it has noticed; all others are not there yet
	added <-chan struct{} // the Queue's Added; nil if there may be updates after seen
}

// next notices an update. It returns false if there is none.
func (p *pushes) next() bool {
	if p.added != nil {
		select {
		case <-p.added:
			p.added = nil
		default:
			return false
		}
	}
	u, ok := p.queue.Next(p.seen)
	if !ok {
		added := p.queue.Added()
		if u, ok = p.queue.Next(p.seen); !ok { // and none came in the meantime
			p.added = added
			return false
		}
	}
	p.seen = u.ID
	return true
}
