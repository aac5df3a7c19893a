package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Options say what is known before the first event, and the world around.
type Options struct {
	Title string           // above the plate: "P1 · nuclei · 3f2a"
	Wells []string         // when they are known already
	Now   func() time.Time // the clock; nil means the real one
	// Environment is where NO_COLOR, TERM and the like are read from; nil means
	// the process's own.
	Environment []string
	// Width and Height are the terminal's until it tells its own; 0 means 80 × 24.
	Width, Height int
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Width == 0 {
		o.Width = 80
	}
	if o.Height == 0 {
		o.Height = 24
	}
	return o
}

// frame is how long events are gathered before they are drawn.
const frame = 100 * time.Millisecond

// Run draws the run on the terminal behind out until events is closed; the last
// picture stays. It takes no input and no signals. When ctx ends it stops where
// it is and returns the context's error.
func Run(ctx context.Context, events <-chan Event, out io.Writer, opts Options) error {
	opts = opts.withDefaults()
	drawing, stop := context.WithCancel(ctx)
	defer stop()
	m := model{
		ctx:    drawing,
		events: events,
		now:    opts.Now,
		plate:  NewPlate(opts.Title, opts.Wells, opts.Now()),
		width:  opts.Width, height: opts.Height,
	}
	program := []tea.ProgramOption{
		tea.WithContext(drawing), tea.WithOutput(out), tea.WithInput(nil), tea.WithoutSignalHandler(),
		tea.WithWindowSize(opts.Width, opts.Height), tea.WithFPS(int(time.Second / frame)),
	}
	if opts.Environment != nil {
		program = append(program, tea.WithEnvironment(opts.Environment))
	}
	_, err := tea.NewProgram(m, program...).Run()
	switch {
	case ctx.Err() != nil && errors.Is(err, tea.ErrProgramKilled):
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("draw plate: %w", err)
	}
	return nil
}

// model hangs the plate into the drawing library.
type model struct {
	ctx           context.Context // commands take no arguments
	events        <-chan Event
	now           func() time.Time
	plate         *Plate
	width, height int
	over          bool
}

// gathered are the events of one frame; last when there will be no more.
type gathered struct {
	events []Event
	last   bool
}

func (m model) Init() tea.Cmd { return m.gather }

// gather waits for an event and takes with it those of the same frame, so that
// a flood of them is drawn a few times a second. Without one it returns after a
// second, for the clock on the screen.
func (m model) gather() tea.Msg {
	var g gathered
	end := time.NewTimer(time.Second)
	defer end.Stop()
	for {
		select {
		case e, open := <-m.events:
			if !open {
				g.last = true
				return g
			}
			if len(g.events) == 0 {
				end.Reset(frame)
			}
			g.events = append(g.events, e)
		case <-end.C:
			return g
		case <-m.ctx.Done():
			return g
		}
	}
}

func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case gathered:
		for _, e := range msg.events {
			if e.At.IsZero() {
				e.At = m.now()
			}
			m.plate.Apply(e)
		}
		if msg.last {
			m.over = true
			return m, tea.Quit
		}
		return m, m.gather
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	}
	return m, nil
}

func (m model) View() tea.View {
	text := m.plate.View(m.width, m.height, m.now())
	if m.over {
		text += "\n" // the library leaves the cursor on the last line and erases it
	}
	return tea.NewView(text)
}
