//! What a process of the farm tells about itself over HTTP: the live page, its status, metrics and health.
