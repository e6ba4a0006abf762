export { listen, type Listening, type ListenOptions } from './server.js';
export {
  createService,
  defaultLimits,
  type Service,
  type ServiceLimits,
  type ServiceOptions,
} from './service.js';
export type { ServedModel } from './models.js';
export type { CaptionsResponse, ErrorResponse, ModelResult, ModelsResponse } from './schemas.js';
