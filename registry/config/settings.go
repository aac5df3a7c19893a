package config

import (
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Global is the configuration of a whole server; it holds the settings of all
// scopes. It is registered as wellhouse.config.GlobalConfig.
type Global struct {
	Workers  int `json:"workers" min:"0" doc:"wells that run at the same time; 0 = the number of cores"`
	Pipeline     // what every pipeline inherits
}

// Pipeline is the configuration of one pipeline's execution. It is registered
// as wellhouse.config.PipelineConfig.
type Pipeline struct {
	Threads   int            `json:"threads" min:"0" max:"4096" doc:"threads of one well; 0 = cores divided by running wells, at least 1"`
	Retries   int            `json:"retries" min:"0" max:"100" doc:"further attempts at a well whose process was lost; a function's error is never retried"`
	Timeout   Duration       `json:"timeout" unit:"ns" min:"0s" doc:"longest time one attempt at a well may take; 0s = no limit"`
	Stall     Duration       `json:"stall" unit:"ns" min:"0s" doc:"longest silence of a well that answers no ping either; 0s = no limit"`
	Memory    Bytes          `json:"memory" unit:"B" min:"0B" doc:"memory of one well; 0B = no limit"`
	OpenFiles int            `json:"open_files" min:"64" doc:"files that one well may hold open"`
	Processes int            `json:"processes" min:"16" max:"4194304" doc:"processes and threads that one well may have"`
	Grace     Duration       `json:"grace" unit:"ns" min:"0s" max:"10m" doc:"time that a well has to end when asked, before it is killed"`
	LogLevel  enums.LogLevel `json:"log_level" doc:"least severe level that is logged"`
	Step                     // what every step inherits
}

// Step is the configuration of one step. It is registered as
// wellhouse.config.StepConfig.
type Step struct {
	Keep bool `json:"keep" doc:"write the images that the step gives"`
}

// Defaults returns the values that hold where nothing is set.
func Defaults() Global {
	return Global{
		Workers: 0,
		Pipeline: Pipeline{
			Threads:   0,
			Retries:   2,
			Timeout:   Duration(time.Hour),
			Stall:     Duration(2 * time.Minute),
			Memory:    0,
			OpenFiles: 1024,
			Processes: 256,
			Grace:     Duration(10 * time.Second),
			LogLevel:  enums.LogInfo,
			Step:      Step{Keep: false},
		},
	}
}
