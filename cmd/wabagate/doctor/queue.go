package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"wabagate/fanout/task"
	"wabagate/gateway"
	"wabagate/models"
)

// crew is who works on the queues.
type crew struct {
	Processes int
	Queues    map[string]bool // that somebody works on
}

// queue is one queue as asynq shows it.
type queue struct {
	Name string
	// Ours says that the layout has it.
	Ours bool
	// Served says that a process works on it.
	Served                              bool
	Paused                              bool
	Pending, Scheduled, Retry, Archived int
	Oldest                              time.Duration // of those that are ready
}

func (q queue) waiting() int { return q.Pending + q.Scheduled + q.Retry }

// backlog is what is unfinished by the database's account.
type backlog struct {
	models.Backlog
	// Refuge are groups of callbacks that wait in Redis for the database.
	Refuge  int64
	Waiting []models.WebhookWaiting
}

// inspect asks asynq on the doctor's own connection, which stays open.
func (d *doctor) inspect() *asynq.Inspector { return asynq.NewInspectorFromRedisClient(d.redis) }

// ask finds out, once, who works on the queues.
func (d *doctor) ask() (*crew, error) {
	if d.crew != nil || d.redis == nil {
		return d.crew, nil
	}
	servers, err := d.inspect().Servers()
	if err != nil {
		return nil, err
	}
	c, processes := &crew{Queues: map[string]bool{}}, map[string]bool{}
	for _, s := range servers {
		processes[fmt.Sprintf("%s/%d", s.Host, s.PID)] = true
		for name := range s.Queues {
			c.Queues[name] = true
		}
	}
	c.Processes, d.crew = len(processes), c
	return c, nil
}

// seen is how many processes work on the queues, as far as anybody says.
func (d *doctor) seen() int {
	c, err := d.ask()
	if err != nil || c == nil {
		return 0
	}
	return c.Processes
}

// lookAtQueues judges the queues by Redis's account and by the database's.
func (d *doctor) lookAtQueues(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if d.redis != nil {
		qs, crew, err := d.queues()
		if err != nil {
			d.say(wrong("queues", "cannot be read: "+err.Error(), "let the user of REDIS_URL run every command on asynq:*"))
			return
		}
		d.say(judgeQueues(qs, crew.Processes)...)
	}
	if !d.usable {
		return
	}
	var b backlog
	var err error
	if b.Backlog, err = d.store.Backlog(ctx); err == nil {
		b.Waiting, err = d.store.Waiting(ctx, webhooksBehind)
	}
	if err == nil && d.redis != nil {
		b.Refuge, err = gateway.NewRedisRefuge(d.redis).Len(ctx)
	}
	if err != nil {
		d.say(wrong("backlog", "cannot be read: "+err.Error(), "look at the stores first"))
		return
	}
	d.say(judgeBacklog(b, d.store.Now())...)
}

// queues are those of the layout and those that Redis has besides.
func (d *doctor) queues() ([]queue, *crew, error) {
	crew, err := d.ask()
	if err != nil {
		return nil, nil, err
	}
	inspector := d.inspect()
	known, err := inspector.Queues()
	if err != nil {
		return nil, nil, err
	}
	ours := d.Layout.All()
	names := slices.Clone(ours)
	for _, name := range known {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var qs []queue
	for _, name := range names {
		q := queue{Name: name, Ours: slices.Contains(ours, name), Served: crew.Queues[name]}
		if slices.Contains(known, name) {
			i, err := inspector.GetQueueInfo(name)
			if err != nil {
				return nil, nil, err
			}
			q.Paused, q.Pending, q.Scheduled, q.Retry, q.Archived, q.Oldest = i.Paused, i.Pending, i.Scheduled, i.Retry, i.Archived, i.Latency
		}
		qs = append(qs, q)
	}
	return qs, crew, nil
}

// patient are the queues whose tasks may wait for those of the others.
var patient = []string{task.QueueBulk, task.QueueHistory, task.QueueReplayed, task.QueueSlow}

// How long what is ready may wait: a hiccup, and something that stands still.
const (
	queueLate  = time.Minute
	queueStuck = 10 * time.Minute
)

// judgeQueues judges the queues by what waits in them and who works on them.
func judgeQueues(qs []queue, processes int) []Finding {
	var fs []Finding
	total := 0
	var idle []string
	for _, q := range qs {
		check := "queue " + q.Name
		if !q.Ours {
			if q.waiting() > 0 {
				fs = append(fs, warning(check, fmt.Sprintf("holds %s that no process of these settings works on", plural(q.waiting(), "task", "tasks")),
					"give WABAGATE_QUEUE_SPREAD the same value in every process; the database puts the work in again"))
			}
			continue
		}
		total += q.waiting()
		if !q.Served {
			idle = append(idle, q.Name)
		}
		switch slow := slices.ContainsFunc(patient, func(p string) bool { return strings.HasPrefix(q.Name, p) }); {
		case q.Paused:
			fs = append(fs, wrong(check, fmt.Sprintf("is paused, with %s in it", plural(q.waiting(), "task", "tasks")), "resume it under /monitor/"))
		case !q.Served && q.waiting() > 0 && processes > 0:
			fs = append(fs, wrong(check, fmt.Sprintf("has %s and nobody who works on it", plural(q.waiting(), "task", "tasks")), "give every worker the same version and the same WABAGATE_QUEUE_SPREAD"))
		case q.Oldest >= queueStuck && !slow:
			fs = append(fs, wrong(check, fmt.Sprintf("its oldest task has been ready for %s", q.Oldest.Round(time.Second)), "start more workers, or look at their logs and at the database's load"))
		case q.Oldest >= queueLate && !slow, q.Oldest >= queueStuck:
			fs = append(fs, warning(check, fmt.Sprintf("its oldest task has been ready for %s", q.Oldest.Round(time.Second)), "start more workers if it does not pass"))
		}
		if q.Archived > 0 {
			fs = append(fs, warning(check, fmt.Sprintf("%s in its archive, given up", plural(q.Archived, "task is", "tasks are")), "see why under /monitor/, then delete them: what is unfinished is put in again from the database"))
		}
	}
	const check = "workers"
	switch {
	case processes == 0 && total > 0:
		fs = append(fs, wrong(check, fmt.Sprintf("no process works on the queues, in which %s", plural(total, "task waits", "tasks wait")), "start one with the role worker"))
	case processes == 0:
		fs = append(fs, warning(check, "no process works on the queues: callbacks are accepted and nothing is delivered", "start one with the role worker"))
	case len(idle) > 0:
		fs = append(fs, warning(check, "nobody works on "+strings.Join(idle, ", "), "give every worker the same version and the same WABAGATE_QUEUE_SPREAD"))
	default:
		fs = append(fs, fine(check, "%s", plural(processes, "process works on every queue", "processes work on every queue")))
	}
	if len(fs) == 1 {
		fs = append(fs, fine("queues", "%s, none late", plural(total, "task waits", "tasks wait")))
	}
	return fs
}

// webhooksBehind is how many of the webhooks that are behind are looked at.
const webhooksBehind = 10

// Work that is due is queued within seconds, so that what has been due for longer is late, or stands still.
const (
	workLate  = 2 * time.Minute
	workStuck = 15 * time.Minute
)

// judgeBacklog judges what is unfinished.
func judgeBacklog(b backlog, now time.Time) []Finding {
	const check = "backlog"
	var fs []Finding
	if b.Refuge > 0 {
		fs = append(fs, warning(check, plural(int(b.Refuge), "group", "groups")+" of callbacks wait in Redis for PostgreSQL", "do not flush Redis; with PostgreSQL back, a process with the role ingress or worker carries them over within seconds"))
	}
	late := time.Duration(0)
	if !b.OldestDue.IsZero() {
		late = now.Sub(b.OldestDue)
	}
	says := fmt.Sprintf("the oldest unfinished work has been due for %s", late.Round(time.Second))
	switch {
	case late >= workStuck:
		fs = append(fs, wrong(check, says, "start workers; with workers running, their logs say what they wait for"))
	case late >= workLate:
		fs = append(fs, warning(check, says, "start more workers if it does not pass"))
	}
	for _, w := range b.Waiting {
		if w.Deliveries >= manyWaiting && now.Sub(w.OldestDue) >= workLate {
			fs = append(fs, warning(check, fmt.Sprintf("webhook %d is behind by %d deliveries", w.WebhookID, w.Deliveries), "its page says how its receiver answers; a rate_limit or a slow receiver does this"))
		}
	}
	if fs == nil {
		fs = append(fs, fine(check, "%d groups of callbacks, %d of deliveries, %d of messages to send; nothing overdue", b.Callbacks, b.Deliveries, b.Sends))
	}
	return fs
}

// manyWaiting is a number of deliveries that does not go away by itself in a moment.
const manyWaiting = 1000
