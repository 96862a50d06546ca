package simulate

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
)

// showProgress follows a run until it is finished: a bar on a terminal, a line now and then elsewhere.
func showProgress(o Options, c *counts, finished <-chan struct{}) {
	every, show, end := 5*time.Second, func() {
		originals, acknowledged, refused := c.progress()
		fmt.Fprintf(o.Progress, "%d of %d callbacks done, %d acknowledged with copies, %d refusals\n", originals, o.Count, acknowledged, refused)
	}, func() {}
	if o.Terminal {
		bar := progressbar.NewOptions(o.Count,
			progressbar.OptionSetWriter(o.Progress), progressbar.OptionSetDescription("callbacks"), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("callbacks"), progressbar.OptionSetPredictTime(true),
			progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
		every = 100 * time.Millisecond
		show = func() {
			originals, _, refused := c.progress()
			if refused > 0 {
				bar.Describe(fmt.Sprintf("callbacks (%d refusals)", refused))
			}
			_ = bar.Set(originals) // drawing may fail; the run does not
		}
		end = func() { _ = bar.Clear() }
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-finished:
			end()
			return
		case <-t.C:
			show()
		}
	}
}
